#!/bin/sh
# Installs the Maven clients that the publish tests run (Debian and Ubuntu).
# These are Maven with its plugins, and two other clients of Maven repositories: Leiningen, Ivy.
set -eu

apt-get update
DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends \
  maven leiningen ivy \
  libmaven-deploy-plugin-java libmaven-dependency-plugin-java libmaven-install-plugin-java \
  junit4
