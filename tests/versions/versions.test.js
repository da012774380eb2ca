// One addon for all releases of Node that are supported: each runs the same application with it.
'use strict';

const assert = require('assert/strict');
const fs = require('fs');
const path = require('path');
const { spawnSync } = require('child_process');
const { test } = require('node:test');

const SORI = path.join(__dirname, '../../node-binding');
const SMOKE = path.join(__dirname, '../packaging/smoke.js');
const RELEASES = ['18', '20', '22', '24'];

for (const release of RELEASES) {
  for (const way of ['take-over', 'byte feed']) {
    test(`Node ${release} runs the addon (${way})`, () => {
      const node = path.join(__dirname, `node_modules/node-${release}/bin/node`);
      assert.ok(fs.existsSync(node), `${node} is missing: these binaries are for Linux on x64`);
      const env = { ...process.env, MODULE: SORI, CLIENT: `${SORI}/node_modules/socket.io-client`, SORI_NO_TAKEOVER: way === 'byte feed' ? '1' : '0' };
      const version = spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout;
      assert.match(version, new RegExp(`^v${release}\\.`));
      const { status, stdout, stderr } = spawnSync(node, [SMOKE], { encoding: 'utf8', timeout: 60000, env });
      assert.deepEqual({ status, stdout, stderr }, { status: 0, stdout: 'ok\n', stderr: '' });
    });
  }
}
