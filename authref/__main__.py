"""python -m authref"""

import sys

from authref.cli import main

sys.exit(main())
