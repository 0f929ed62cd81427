"""`python -m tests.audit`: known vulnerabilities of the locked dependencies, and honesty about what was not checked.

Exit status 0: all were checked, none is known to be vulnerable. 1: vulnerabilities. 3: some could not be checked."""

import json
import subprocess
import sys

COMMAND = ("pip_audit", "--require-hashes", "--disable-pip", "--progress-spinner", "off", "-f", "json")


def main(lock: str = "requirements.txt") -> int:
    """Run the audit on one lock and tell its outcome in a few lines."""
    done = subprocess.run((sys.executable, "-m", *COMMAND, "-r", lock), capture_output=True, text=True, check=False)
    if not done.stdout.strip():
        print(f"pip-audit gave no answer:\n{done.stderr.strip()}", file=sys.stderr)
        return 3
    packages = json.loads(done.stdout)["dependencies"]
    unchecked = [package for package in packages if "skip_reason" in package]
    vulnerable = [package for package in packages if package.get("vulns")]
    for package in vulnerable:
        names = ", ".join(found["id"] for found in package["vulns"])
        print(f"{package['name']} {package['version']}: {names}")
    print(f"{len(packages) - len(unchecked)} of {len(packages)} packages checked, {len(vulnerable)} vulnerable.")
    if unchecked:
        print(f"Not checked, for example {unchecked[0]['name']}: {unchecked[0]['skip_reason']}")
    return 1 if vulnerable else 3 if unchecked else 0


if __name__ == "__main__":
    sys.exit(main())
