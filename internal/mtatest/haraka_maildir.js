'use strict';
// Stores every message of Haraka in a Maildir, one file a recipient, whole when
// it appears in new/, before the client is answered.

const fs = require('node:fs/promises');

exports.register = function () {
    this.settings = this.config.get('maildir.ini', { booleans: ['discard.pipelining'] });
};

exports.hook_capabilities = function (next, connection) {
    if (this.settings.discard.pipelining) {
        connection.capabilities = connection.capabilities.filter((c) => c !== 'PIPELINING');
    }
    next();
};

exports.hook_rcpt = function (next, connection, params) {
    if (params[0].user === this.settings.main.refused) return next(DENY, 'no such mailbox');
    next(OK);
};

exports.hook_queue = function (next, connection) {
    const { message_stream, rcpt_to, uuid } = connection.transaction;
    message_stream.get_data({ line_endings: '\n' }, (text) => {
        store(this.settings.main.directory, uuid, rcpt_to, text).then(
            () => next(OK),
            (err) => next(DENYSOFT, String(err)),
        );
    });
};

async function store (directory, uuid, recipients, text) {
    await fs.mkdir(`${directory}/tmp`, { recursive: true });
    await fs.mkdir(`${directory}/new`, { recursive: true });
    for (const [i, recipient] of recipients.entries()) {
        const name = `${uuid}.${i}`;
        const header = `Delivered-To: ${recipient.address}\n`;
        await fs.writeFile(`${directory}/tmp/${name}`, Buffer.concat([Buffer.from(header), text]));
        await fs.rename(`${directory}/tmp/${name}`, `${directory}/new/${name}`);
    }
}
