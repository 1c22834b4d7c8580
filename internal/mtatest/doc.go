// Package mtatest runs instances of real mail servers for tests: Postfix, Exim,
// OpenSMTPD and Haraka, each on a loopback port, with a configuration, queue and
// log of its own below the test's temporary directory, delivering whatever it
// accepts to one Maildir, so that copies can be counted and compared.
//
// An instance runs in a process namespace of its own, which ends with the test
// that started it, however the test ends. That needs root, or a sudo that does
// not ask, and the servers installed by .ci/servers. Where either is missing,
// the test is skipped, or fails when the environment variable CI is "true".
//
// The tests of this module are its only users.
package mtatest
