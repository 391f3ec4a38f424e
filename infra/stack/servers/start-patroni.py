"""Patroni, with a password for its nodes in ZooKeeper: the 3.0.2 of Debian 12 has no setting for that.

By those nodes the primary is chosen and PostgreSQL is configured. Another user of this machine who could write them could
order a failover, or a command that PostgreSQL runs. Reading stays open to all: there is no secret in them.

And with an end to its stop: Patroni waits for a ZooKeeper that is gone, for minutes, when both are told to end at once.

usage: python3 start-patroni.py <configuration, as JSON>
"""
import json
import os
import signal
import sys
import threading
import time

# For taking leave of ZooKeeper, once PostgreSQL has ended: there is nothing to lose then, and the nodes end with the session.
LEAVE_SECONDS = 10
# For Patroni to stop PostgreSQL; then we tell PostgreSQL ourselves, as Patroni would: its "fast" shutdown.
STOP_SECONDS = 20
# However it stands then.
END_SECONDS = 60


def end_after_postgres(data_dir):
    """Once Patroni is told to end: PostgreSQL ends within STOP_SECONDS or is told to, and Patroni LEAVE_SECONDS after it."""
    from patroni.daemon import AbstractPatroniDaemon

    patronis_own = AbstractPatroniDaemon.sigterm_handler

    def postmaster():
        """Its process id; None when it has ended."""
        try:
            with open(os.path.join(data_dir, 'postmaster.pid')) as file:
                pid = int(file.readline())
            with open(f'/proc/{pid}/stat') as file:
                state = file.read().rpartition(')')[2].split()[0]
            return None if state in 'ZX' else pid  # one that has ended may wait to be reaped for long
        except (OSError, ValueError):
            return None

    def watch():
        begun, gone_since, told = time.monotonic(), None, False
        while gone_since is None or time.monotonic() - gone_since < LEAVE_SECONDS:
            time.sleep(0.2)
            if time.monotonic() - begun > END_SECONDS:
                break
            pid = postmaster()
            gone_since = None if pid else gone_since or time.monotonic()
            if pid and not told and time.monotonic() - begun > STOP_SECONDS:
                told = True
                os.kill(pid, signal.SIGINT)
        os._exit(0)

    def on_sigterm(self, *args):
        threading.Thread(target=watch, daemon=True).start()
        patronis_own(self, *args)

    AbstractPatroniDaemon.sigterm_handler = on_sigterm
    # What ends a PostgreSQL of the stack, "fast": Python's own answer to it leaves PostgreSQL and half of Patroni behind.
    signal.signal(signal.SIGINT, lambda *_: os.kill(os.getpid(), signal.SIGTERM))


def main():
    from kazoo.client import KazooClient
    from kazoo.security import make_acl, make_digest_acl
    from patroni.__main__ import main as patroni
    from patroni.dcs.zookeeper import PatroniKazooClient

    with open(sys.argv[1]) as file:
        configuration = json.load(file)
    login = configuration['restapi']['authentication']
    user, password = login['username'], login['password']

    def with_password(self, *args, **options):
        options['auth_data'] = [('digest', f'{user}:{password}')]
        options['default_acl'] = [make_digest_acl(user, password, all=True), make_acl('world', 'anyone', read=True)]
        KazooClient.__init__(self, *args, **options)

    PatroniKazooClient.__init__ = with_password
    end_after_postgres(configuration['postgresql']['data_dir'])
    patroni()


# Patroni starts PostgreSQL from a Python of its own, which reads this file as another module.
if __name__ == '__main__':
    main()
