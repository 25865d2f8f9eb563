/** An Agent that answers by echo, with a volume or without. */
export function agent(name: string, volume?: object): object {
  const instructions = { inline: 'You are an archivist.' };
  const spec = { instructions, default: name === 'greeter', ...(volume && { profile: { volume } }) };
  return { apiVersion: 'talaria.dev/v1alpha1', kind: 'Agent', metadata: { name }, spec };
}

/** A class for which volumes are made by hand. */
export function storageClass(name: string, volumeBindingMode: string): object {
  const provisioner = 'kubernetes.io/no-provisioner';
  return { apiVersion: 'storage.k8s.io/v1', kind: 'StorageClass', metadata: { name }, provisioner, volumeBindingMode };
}

/** A volume for all pods in a folder of the node. */
export function hostVolume(name: string, storageClassName: string, folder: string): object {
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name },
    spec: {
      capacity: { storage: '1Gi' },
      accessModes: ['ReadWriteMany'],
      storageClassName,
      persistentVolumeReclaimPolicy: 'Retain',
      hostPath: { path: folder, type: 'DirectoryOrCreate' },
    },
  };
}

/** Gives the folder on the node to the user of the gateways, which fsGroup does not do for a hostPath. */
export function folderOwner(image: string, folder: string): object {
  const command = ['/nodejs/bin/node', '-e', `require('fs').chownSync('/data', 65532, 65532)`];
  const container = { name: 'node', image, command, securityContext: { runAsUser: 0 } };
  const volume = { name: 'data', hostPath: { path: folder, type: 'DirectoryOrCreate' } };
  const spec = {
    restartPolicy: 'Never',
    containers: [{ ...container, volumeMounts: [{ name: 'data', mountPath: '/data' }] }],
    volumes: [volume],
  };
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'folder-owner' }, spec };
}

/** A pod that asks `greeter` ten times a second, each time on a new connection, and logs the time and what was answered. */
export function prober(image: string): object {
  const secretKeyRef = { name: 'talaria-trial-key', key: 'key' };
  const env = [{ name: 'KEY', valueFrom: { secretKeyRef } }];
  const container = { name: 'node', image, command: ['/nodejs/bin/node', '-e', proberCode], env };
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'prober' }, spec: { containers: [container] } };
}

const proberCode = `
const http = require('http');
const body = JSON.stringify({ model: 'talaria', messages: [{ role: 'user', content: 'hello' }] });
const headers = { authorization: 'Bearer ' + process.env.KEY, 'content-type': 'application/json' };
setInterval(() => {
  const say = (outcome) => console.log(Date.now() + ' ' + outcome);
  const options = { host: 'talaria-gateway', path: '/v1/chat/completions', method: 'POST', headers, timeout: 20000, agent: false };
  const request = http.request(options, (answer) => { answer.resume(); answer.on('end', () => say(answer.statusCode)); });
  request.on('timeout', () => request.destroy(new Error('timeout')));
  request.on('error', (error) => say(error.code || error.message));
  request.end(body);
}, 100);
`;
