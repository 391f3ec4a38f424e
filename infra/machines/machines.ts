/** The machines that people have: a distribution just installed, with `apt-get install git npm` and nothing else. */
export type Machine = {
  name: string;
  title: string;
  distribution: 'debian' | 'ubuntu';
  suite: string;
  components: string;
};

export const machines: readonly Machine[] = [
  { name: 'debian-12', title: 'Debian 12', distribution: 'debian', suite: 'bookworm', components: 'main' },
  { name: 'debian-13', title: 'Debian 13', distribution: 'debian', suite: 'trixie', components: 'main' },
  {
    name: 'ubuntu-24.04',
    title: 'Ubuntu 24.04',
    distribution: 'ubuntu',
    suite: 'noble',
    components: 'main,universe',
  },
];

/**
 * Who starts it. Each has some of what is common elsewhere and missing on a developer's machine: a locale that was not generated, a
 * path that is not ASCII, a strict umask, a /tmp without exec.
 */
export type Visitor = {
  name: 'root' | 'sudo' | 'user';
  title: string;
  user: string;
  home: string;
  checkout: string;
  environment: Readonly<Record<string, string>>;
  umask: string;
  tmpWithoutExec: boolean;
  /** False: the home cannot be written to; the checkout lies elsewhere. */
  homeIsWritable: boolean;
};

export const visitors: readonly Visitor[] = [
  {
    name: 'root',
    title: 'root',
    user: 'root',
    home: '/root',
    checkout: '/root/seckill',
    environment: {},
    umask: '022',
    tmpWithoutExec: false,
    homeIsWritable: true,
  },
  {
    name: 'sudo',
    title:
      'a user with sudo; `/home/shop/my 秒杀`, `LANG` not generated, `LANGUAGE=zh_CN:zh`, `TZ=Asia/Shanghai`, `PGSSLMODE=require`, `umask 077`',
    user: 'shop',
    home: '/home/shop',
    checkout: '/home/shop/my 秒杀',
    environment: {
      LANG: 'zh_CN.UTF-8',
      LC_TIME: 'de_DE.UTF-8',
      LANGUAGE: 'zh_CN:zh',
      TZ: 'Asia/Shanghai',
      PGSSLMODE: 'require',
    },
    umask: '077',
    tmpWithoutExec: false,
    homeIsWritable: true,
  },
  {
    name: 'user',
    title:
      'a user without sudo, whose line root pasted; no `LANG`, `/tmp` without exec, a home that cannot be written to',
    user: 'guest',
    home: '/home/guest',
    checkout: '/srv/guest/seckill',
    environment: {},
    umask: '022',
    tmpWithoutExec: true,
    homeIsWritable: false,
  },
];

/** The npm versions that are tried for the lockfile's Node: the ones of the distributions, and the ends of each major. */
export const npmVersions = ['9.2.0', '9.9.4', '10.8.3', '10.9.4', '11.0.0', '11.3.0', '11'] as const;
