"""ccxt costs seconds and a hundred megabytes: only what talks to exchanges may load it. pyarrow and boto3 cost half of
that: only what writes or reads the archive may. TA-Lib is for who computes indicators."""

import subprocess
import sys

PROGRAM = """
import sys, django
django.setup()
from django.core.management import call_command
call_command("check")
import apps.markets.access, apps.markets.archive, apps.markets.tasks
import apps.markets.services, apps.markets.selectors, apps.markets.health
import apps.opportunities.services, apps.opportunities.selectors, apps.opportunities.tasks
import apps.portfolio.services, apps.portfolio.tasks
from apps.portfolio.key_rights.registry import READERS
assert not READERS.problems()
from apps.markets.exchanges import registry
for name in (*registry.EXCHANGES.names(), "kraken"):
    assert registry.adapter_class(name).capabilities.kinds
from arbedge.urls import urlpatterns
print(sorted(name for name in sys.modules if name in ("ccxt", "pyarrow", "boto3", "talib")))
"""


def test_no_process_loads_ccxt_before_it_asks_an_exchange() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().splitlines()[-1] == "[]"
