"""Patroni, with a password for its nodes in ZooKeeper: the 3.0.2 of Debian 12 has no setting for that.

By those nodes the primary is chosen and PostgreSQL is configured. Another user of this machine who could write them could
order a failover, or a command that PostgreSQL runs. Reading stays open to all: there is no secret in them.

usage: python3 start-patroni.py <configuration, as JSON>
"""
import json
import sys


def main():
    from kazoo.client import KazooClient
    from kazoo.security import make_acl, make_digest_acl
    from patroni.__main__ import main as patroni
    from patroni.dcs.zookeeper import PatroniKazooClient

    with open(sys.argv[1]) as file:
        login = json.load(file)['restapi']['authentication']
    user, password = login['username'], login['password']

    def with_password(self, *args, **options):
        options['auth_data'] = [('digest', f'{user}:{password}')]
        options['default_acl'] = [make_digest_acl(user, password, all=True), make_acl('world', 'anyone', read=True)]
        KazooClient.__init__(self, *args, **options)

    PatroniKazooClient.__init__ = with_password
    patroni()


# Patroni starts PostgreSQL from a Python of its own, which reads this file as another module.
if __name__ == '__main__':
    main()
