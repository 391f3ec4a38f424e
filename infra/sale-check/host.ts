import { readFile } from 'node:fs/promises';
import { counted } from '#runtime/counted.ts';
import { hostSettings, hostValue, isEnough, wantedText } from '../deploy/host-settings.ts';
import { type Found, pass, warn } from './finding.ts';

/**
 * Kernel and limits of the machine that the command runs on. Warnings only: the command may run on a bastion, where they
 * say nothing about the machines that serve. What is not there (another system, a container) is passed over.
 */
export async function checkHost(): Promise<Found[]> {
  const found = await Promise.all(
    hostSettings.map(async (setting): Promise<Found | 'enough' | 'unknown'> => {
      const text = await readFile(setting.read, 'utf8').catch(() => null);
      if (text === null) return 'unknown';
      const value = hostValue(setting, text);
      if (isEnough(setting, value)) return 'enough';
      return warn(`${setting.name} is ${value}, and should be ${wantedText(setting)}: ${setting.why}`, setting.mend);
    }),
  );
  const trouble = found.filter((each) => typeof each !== 'string');
  if (trouble.length > 0) return trouble;
  const known = found.filter((each) => each === 'enough').length;
  return [
    pass(
      known === 0
        ? 'nothing to look at here: no /proc'
        : `${counted(known, 'setting')} of this machine ${known === 1 ? 'is' : 'are'} sane`,
    ),
  ];
}
