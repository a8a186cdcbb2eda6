"""How much do the tests notice? A tool breaks each core file in hundreds of small ways, and the tests must object.

    pip install mutmut==3.8.1 cosmic-ray==8.7.0
    python tests/mutation.py                            every file of the table below, by mutmut
    python tests/mutation.py jwt cookies                these
    python tests/mutation.py --cosmic-ray jwt cookies   these, by cosmic-ray

Each file is judged by its own tests alone, in a copy of the project under `mutants/`, where both tools can show the
survivors: `mutmut results` and `mutmut show NAME`, `cr-report --surviving-only --show-diff session.sqlite`.
What the survivors mean stands in mutation.md.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parent.parent
JUDGES = {
    "jwt": "jwt tokens oracles",
    "cookies": "cookies sessions",
    "sessions": "sessions mechanisms logins",
    "tokens": "tokens mechanisms revocation refresh",
    "passwords": "passwords",
    "guards": "guards cors",
    "roles": "roles authorization",
    "maps": "maps",
    "refresh": "refresh tokens",
    "revocation": "revocation",
    "keys": "keys key_files",
    "throttle": "throttle logins",
    "users": "users",
    "admins": "admins",
    "wire": "wire",
    "serving/reader": "reader",
    "events": "events",
    "devices": "devices",
    "wsgi": "wsgi",
    "serving/cores": "cores",
    "serving/proxies": "proxies",
    "serving/server": "server rounds proxies endings",
    "serving/workers": "workers",
    "stores/__init__": "stores",
    "stores/backup": "backup",
    "stores/codec": "stores",
    "stores/redis_link": "redis_link redis_store",
    "stores/redis_store": "redis_store redis_link rounds",
    "stores/sqlite_store": "sqlite_store backup",
    "stores/together": "rounds",
    "app/__init__": "app openapi cors authorization guards stores secrets_in_logs proxies wsgi",
    "app/settings": "app cors",
    "app/accounts": "logins app tokens lost_answers devices throttle",
    "app/routes": "app logins authorization lost_answers devices throttle",
    "app/users": "authorization app admins lost_answers",
}

MUTMUT = """[mutmut]
source_paths=authref
only_mutate=authref/{name}.py
timeout_multiplier=5
pytest_add_cli_args_test_selection=
{files}
    --deselect=tests/test_wsgi.py::UnderGunicorn
    --deselect=tests/test_wsgi.py::RealServers
    --deselect=tests/test_workers.py::TwoWorkers
    --deselect=tests/test_workers.py::TheEnd
    --deselect=tests/test_workers.py::TheBeginning
"""
# Left out is `|`, which this project has in type annotations only.
COSMIC_RAY = """[cosmic-ray]
module-path = "authref/{name}.py"
timeout = 60.0
excluded-modules = []
test-command = "{python} -m unittest -q -f {modules}"
[cosmic-ray.distributor]
name = "local"
[cosmic-ray.filters.operators-filter]
exclude-operators = ["core/ReplaceBinaryOperator_BitOr_.*"]
"""


def run(name: str, by_cosmic_ray: bool) -> None:
    """Break one file in every way the tool knows, and print its row of the table."""
    copy = ROOT / "mutants" / (name.replace("/", "_") + by_cosmic_ray * "-cosmic-ray")
    shutil.rmtree(copy, ignore_errors=True)
    for folder in ("authref", "tests"):
        shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
    end_with_whoever_started_them(copy / "bin")
    killed, total = (cosmic_ray if by_cosmic_ray else mutmut)(name, JUDGES[name].split(), copy)
    print(f"| `{name}.py` | {total} | {killed} | {100 * killed / total:.1f} % | {total - killed} |", flush=True)


def end_with_whoever_started_them(folder: Path) -> None:
    """mutmut ends its processes without their clean-up: of a Redis for each mutant a thousand would be left."""
    server, setpriv = shutil.which("redis-server"), shutil.which("setpriv")
    if server and setpriv:
        folder.mkdir()
        script = folder / "redis-server"
        script.write_text(f'#!/bin/sh\nexec {setpriv} --pdeathsig KILL {server} "$@"\n')
        script.chmod(0o755)
        os.environ["PATH"] = f"{folder}:{os.environ['PATH']}"


def mutmut(name: str, judges: list[str], copy: Path) -> tuple[int, int]:
    """How many mutants were killed, of how many."""
    files = "\n".join(f"    tests/test_{judge}.py" for judge in judges)
    (copy / "setup.cfg").write_text(MUTMUT.format(name=name, files=files))
    tool = [sys.executable, "-m", "mutmut"]
    with (copy / "log.txt").open("w") as log:
        subprocess.run([*tool, "run", "--max-children", "2"], cwd=copy, stdout=log, stderr=log, check=True)
    lines = subprocess.check_output([*tool, "results", "--all", "true"], cwd=copy, text=True).splitlines()
    ends = Counter(line.rpartition(": ")[2] for line in lines)
    return ends["killed"] + ends["timeout"], ends.total()  # a test that never ends has noticed, too


def cosmic_ray(name: str, judges: list[str], copy: Path) -> tuple[int, int]:
    """How many mutants were killed, of how many."""
    modules = " ".join(f"tests.test_{judge}" for judge in judges)
    (copy / "settings.toml").write_text(COSMIC_RAY.format(name=name, modules=modules, python=sys.executable))
    # Python takes bytecode for up to date by the second and the size; a mutant can have both of its original.
    subprocess.run([sys.executable, "-m", "compileall", "-q", "--invalidation-mode", "checked-hash", "."], cwd=copy)
    for command in (
        "cosmic-ray init settings.toml session.sqlite",
        "cr-filter-operators session.sqlite settings.toml",
        "cosmic-ray exec settings.toml session.sqlite",
    ):
        tool, *words = command.split()
        environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
        whole = [Path(sys.executable).with_name(tool), *words]
        subprocess.run(whole, cwd=copy, env=environment, stdout=subprocess.DEVNULL, check=True)
    report = [Path(sys.executable).with_name("cr-report"), "session.sqlite"]
    ends = Counter(subprocess.check_output(report, cwd=copy, text=True).split())
    killed, survived = ends["TestOutcome.KILLED"], ends["TestOutcome.SURVIVED"]
    return killed, killed + survived


if __name__ == "__main__":
    names = [argument for argument in sys.argv[1:] if argument != "--cosmic-ray"]
    for chosen in names or JUDGES:
        run(chosen, "--cosmic-ray" in sys.argv)
