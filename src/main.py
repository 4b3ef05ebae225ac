"""Start the connector: what OpenCTI's images and manual installations run."""

import sys
import traceback

from shadowserver_connector.errors import SETTINGS, SettingsError

if __name__ == "__main__":
    try:
        # Imported here so that a broken installation ends as any failure does.
        from shadowserver_connector.service.process import run

        code = run()
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        code = SETTINGS
    except Exception:
        traceback.print_exc()
        sys.exit(1)
    sys.exit(code)
