#!/bin/sh
# Installs the Maven clients that the publish tests run (Debian and Ubuntu).
# Maven comes with the plugins, Leiningen and Ivy are the other two readers of a Maven repository.
set -eu

apt-get update
DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends \
  maven leiningen ivy \
  libmaven-deploy-plugin-java libmaven-dependency-plugin-java libmaven-install-plugin-java \
  junit4
