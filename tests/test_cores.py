"""How many cores a container grants: serving/cores.py."""

from __future__ import annotations

import os
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from authref.serving import cores


class Cores(unittest.TestCase):
    def test_cores_that_are_not_ours(self) -> None:
        """A container of one core on a machine of 64 hashes one at a time, not 64: all else would stand still."""
        own = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else {0}
        for name, files, expected in (
            ("no cgroups", {}, []),
            ("version 2, a container", {"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "150000 100000\n"}, [1]),
            ("version 2, without a limit", {"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "max 100000\n"}, []),
            ("version 2, a service in a slice", {
                "proc/self/cgroup": "0::/a.slice/b.service\n",
                "sys/fs/cgroup/a.slice/cpu.max": "400000 100000\n",
                "sys/fs/cgroup/a.slice/b.service/cpu.max": "50000 100000\n",
            }, [0, 4]),
            ("version 1", {
                "proc/self/cgroup": "5:memory:/docker/x\n4:cpu,cpuacct:/docker/x\n0::/\n",
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "200000\n",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
            }, [2]),
            ("a name with colons", {
                "proc/self/cgroup": "0::/pod:a:b\n",
                "sys/fs/cgroup/pod:a:b/cpu.max": "300000 100000\n",
            }, [3]),
            ("version 1, without a limit", {
                "proc/self/cgroup": "4:cpu:/\n",
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
            }, []),
        ):  # fmt: skip
            with self.subTest(name), tempfile.TemporaryDirectory() as folder:
                for path, text in files.items():
                    Path(folder, path).parent.mkdir(parents=True, exist_ok=True)
                    Path(folder, path).write_text(text)
                self.assertEqual(list(cores._quotas(Path(folder))), expected)
        for quotas, expected in (([], len(own)), ([0], 1), ([1, 4], 1), ([10_000], len(own))):
            with mock.patch.object(cores, "_quotas", return_value=quotas):
                self.assertEqual(cores.cores(), expected)

    def test_cores_it_is_bound_to(self) -> None:
        """What a process is bound to counts, not what the machine has; else the machine."""
        with mock.patch.object(cores, "_quotas", return_value=[]):
            with mock.patch("os.sched_getaffinity", return_value={5}, create=True), mock.patch("os.cpu_count") as count:
                self.assertEqual(cores.cores(), 1)
                count.assert_not_called()
            system = mock.Mock(spec=["cpu_count"])
            with mock.patch.object(cores, "os", system):
                for found, expected in ((6, 6), (None, 1)):
                    system.cpu_count.return_value = found
                    self.assertEqual(cores.cores(), expected)


if __name__ == "__main__":
    unittest.main()
