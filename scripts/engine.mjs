// The Docker engine: used when one answers, installed and started when this is root's Linux, else explained.

import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, readdirSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { cacheFolder } from './cache.mjs';
import { Stop, answer, installPackages, isRoot, runQuietly, say, tail } from './programs.mjs';

const SOCKET = '/var/run/docker.sock';
const START_SECONDS = 60;

/** Sees to it that an engine answers; never touches one that is there. */
export async function prepareEngine() {
  if (await reachable()) return;
  if (process.env.DOCKER_HOST) {
    throw new Stop(`No Docker engine answers at DOCKER_HOST (${process.env.DOCKER_HOST.replace(/\/\/[^/]*@/, '//')}).`, 'Start it, or unset DOCKER_HOST.');
  }
  if (process.platform !== 'linux') {
    throw new Stop('No Docker engine answers.', 'Install and start Docker Desktop (https://docs.docker.com/get-docker/), then run the command again.');
  }
  if (!isRoot) throw new Stop(...adviceForUser());
  if (!dockerd()) {
    await installPackages(['docker.io', 'iptables', 'ca-certificates'], 'A Docker engine is needed for the sandbox');
    if (await reachable(10)) return; // its package has started it
  }
  if (existsSync('/run/systemd/system')) {
    say('starting the Docker engine (systemctl) …');
    await runQuietly(['systemctl', 'start', 'docker']);
    if (await reachable(20)) return;
  }
  await startEngine({ socket: SOCKET, log: join(cacheFolder(), 'dockerd.log') });
}

/**
 * Starts an engine that outlives this command, so that the next ones find it.
 * It shares no stream with us: a pipe that waits for our output to end must not wait for the engine.
 */
export async function startEngine({ socket, log, options = [] }) {
  await prepareControlGroups();
  mkdirSync(join(log, '..'), { recursive: true });
  say(`starting the Docker engine (its log: ${log}) …`);
  let failure = '';
  // where the kernel lets it do neither, an engine without bridge and filter rules will do: a sandbox has no network
  for (const more of [[], ['--bridge=none', '--iptables=false', '--ip6tables=false'], ['--bridge=none', '--iptables=false', '--storage-driver=vfs']]) {
    const output = openSync(log, 'w');
    const child = spawn(dockerd(), ['--host', `unix://${socket}`, ...options, ...more], { detached: true, stdio: ['ignore', output, output] });
    closeSync(output);
    let ended = false;
    child.on('error', () => (ended = true));
    child.on('exit', () => (ended = true));
    child.unref();
    for (const end = Date.now() + START_SECONDS * 1000; !ended && Date.now() < end; await sleep(200)) {
      if (await ping({ socketPath: socket })) return child.pid;
    }
    if (!ended) child.kill('SIGTERM');
    failure = readFileSync(log, 'utf8');
    if (/already running|pid file found|address already in use|permission denied.*\.pid/i.test(failure)) break;
  }
  throw new Stop(
    `The Docker engine does not start:\n${tail(failure)}`,
    `Its whole log is ${log}. In a container it needs --privileged; else use another machine's engine by DOCKER_HOST.`
  );
}

/** Whether an engine answers where Docker's own tools would look; asks again for `seconds`. */
async function reachable(seconds = 0) {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    if (await ping(address())) return true;
    // another context, or an address that only the command line can reach (ssh, TLS)
    if (answer(['docker', 'version', '--format', '{{.Server.Version}}'])) return true;
    if (Date.now() >= end) return false;
    await sleep(500);
  }
}

function address() {
  const host = process.env.DOCKER_HOST || `unix://${SOCKET}`;
  if (host.startsWith('unix://')) return { socketPath: host.slice('unix://'.length) };
  const match = /^(?:tcp|http):\/\/([^:/]+):(\d+)/.exec(host);
  return match && !process.env.DOCKER_TLS_VERIFY ? { host: match[1], port: Number(match[2]) } : null;
}

function ping(where) {
  if (!where) return Promise.resolve(false);
  return new Promise((resolve) => {
    const request = http.get({ ...where, path: '/_ping', timeout: 3000 }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    request.on('timeout', () => request.destroy(new Error('no answer')));
    request.on('error', () => resolve(false));
  });
}

function dockerd() {
  const folders = [...(process.env.PATH || '').split(':'), '/usr/sbin', '/usr/bin', '/usr/local/bin', '/sbin'];
  return folders.filter(Boolean).map((folder) => join(folder, 'dockerd')).find((path) => existsSync(path));
}

/** Containers are limited through control groups; a bare machine may not have mounted them. */
async function prepareControlGroups() {
  const folder = '/sys/fs/cgroup';
  if (!existsSync(folder) || readdirSync(folder).length > 0) return;
  await runQuietly(['mount', '-t', 'cgroup2', 'cgroup2', folder]);
  const controllers = join(folder, 'cgroup.controllers');
  if (existsSync(controllers) && /\bmemory\b/.test(readFileSync(controllers, 'utf8'))) return;
  // an older kernel, or one that was told to: version 1, a mount for each controller
  await runQuietly(['umount', folder]);
  await runQuietly(['mount', '-t', 'tmpfs', '-o', 'mode=755', 'tmpfs', folder]);
  for (const line of readFileSync('/proc/cgroups', 'utf8').split('\n')) {
    const [name, , , enabled] = line.split('\t');
    if (enabled !== '1') continue;
    mkdirSync(join(folder, name), { recursive: true });
    await runQuietly(['mount', '-t', 'cgroup', '-o', name, 'cgroup', join(folder, name)]);
  }
}

function adviceForUser() {
  if (!dockerd() && answer(['docker', '--version']) === null) {
    return ['Docker is not installed, and only root can install it.', "Run: sudo sh -c 'apt-get update && apt-get install -y docker.io'\nthen: sudo usermod -aG docker $USER, and log in again."];
  }
  if (existsSync(SOCKET)) {
    return ['The Docker engine does not answer to this user.', 'Run: sudo usermod -aG docker $USER, and log in again. Is it running? sudo systemctl start docker'];
  }
  return ['The Docker engine is not running.', 'Run: sudo systemctl start docker'];
}
