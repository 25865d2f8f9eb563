import { describe, expect, it } from 'vitest';
import { EnvironmentError, readEnvironment } from '../../../operator/environment.ts';

const needed = { TALARIA_NAMESPACE: 'team', POD_NAME: 'talaria-operator-0' };

describe('the environment of the operator', () => {
  it('needs the namespace and the name of the pod, and has defaults for the rest', () => {
    expect(readEnvironment(needed)).toEqual({
      namespace: 'team',
      podName: 'talaria-operator-0',
      logLevel: 'info',
      listen: { host: '0.0.0.0', port: 8081 },
      agentVolumes: false,
      kubeconfig: undefined,
    });
  });

  it('takes every variable, and a blank one for an absent one', () => {
    const given = { ...needed, TALARIA_LOG_LEVEL: 'debug', TALARIA_LISTEN: '[::1]:9000', KUBECONFIG: ' ' };
    expect(readEnvironment(given)).toMatchObject({
      logLevel: 'debug',
      listen: { host: '::1', port: 9000 },
      kubeconfig: undefined,
    });
    expect(readEnvironment({ ...needed, TALARIA_AGENT_VOLUMES: 'true' }).agentVolumes).toBe(true);
    expect(readEnvironment({ ...needed, KUBECONFIG: '/etc/kubeconfig' }).kubeconfig).toBe('/etc/kubeconfig');
  });

  it.each([
    [{ POD_NAME: 'x' }, /^TALARIA_NAMESPACE must be set to the namespace .* \(got nothing\)$/],
    [{ ...needed, TALARIA_NAMESPACE: '' }, /^TALARIA_NAMESPACE must be set .* \(got ""\)$/],
    [{ ...needed, TALARIA_NAMESPACE: 'Team' }, /^TALARIA_NAMESPACE must be the name of a namespace \(got "Team"\)$/],
    [{ TALARIA_NAMESPACE: 'team' }, /^POD_NAME must be set/],
    [{ ...needed, POD_NAME: 'a/b' }, /^POD_NAME must be the name of a pod \(got "a\/b"\)$/],
    [{ ...needed, TALARIA_LOG_LEVEL: 'loud' }, /^TALARIA_LOG_LEVEL must be one of .*info.* \(got "loud"\)$/],
    [{ ...needed, TALARIA_AGENT_VOLUMES: 'yes' }, /^TALARIA_AGENT_VOLUMES must be true or false \(got "yes"\)$/],
    [{ ...needed, TALARIA_LISTEN: '8081' }, /^TALARIA_LISTEN must be an address and a port, .* \(got "8081"\)$/],
    [{ ...needed, TALARIA_LISTEN: '0.0.0.0:70000' }, /^TALARIA_LISTEN must be an address and a port/],
  ])('%j is refused with the variable, what was got and the cure', (environment, message) => {
    expect(() => readEnvironment(environment)).toThrow(EnvironmentError);
    expect(() => readEnvironment(environment)).toThrow(message);
  });
});
