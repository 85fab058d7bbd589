"""``flowdeploy`` and ``python -m flowdeploy``."""

from flowdeploy.cli.main import main

if __name__ == "__main__":
    main()
