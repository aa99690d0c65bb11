// Every npm script begins here: `node scripts/start.cjs demo|test|setup|lock|package|editors`.
// Written for any Node, so that an old one is told apart from a broken checkout.
'use strict';

var major = Number(process.versions.node.split('.')[0]);
if (major < 18) {
  console.error('error: Codeteam needs Node 18 or newer; this is ' + process.versions.node + '.');
  console.error('  Install a newer Node (Debian 12 or newer: apt-get install nodejs npm).');
  process.exit(3);
}

var name = process.argv[2];
if (['demo', 'test', 'setup', 'lock', 'package', 'editors'].indexOf(name) < 0) {
  console.error('usage: node scripts/start.cjs demo|test|setup|lock|package|editors [ARGUMENTS]');
  process.exit(2);
}

// uv comes with certificates of its own; a company's proxy is known to the system's alone
if (!process.env.UV_SYSTEM_CERTS && require('fs').existsSync('/etc/ssl/certs/ca-certificates.crt')) {
  process.env.UV_SYSTEM_CERTS = 'true';
}

process.chdir(require('path').join(__dirname, '..'));
import('./' + name + '.mjs')
  .then(function (script) {
    return script.main(process.argv.slice(3));
  })
  .then(
    function (code) {
      process.exitCode = code;
    },
    function (error) {
      if (error.name !== 'Stop') throw error;
      console.error('error: ' + error.message);
      if (error.hint) console.error('  ' + error.hint.replace(/\n/g, '\n  '));
      process.exitCode = 3;
    }
  );
