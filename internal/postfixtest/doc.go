// Package postfixtest runs an instance of the installed Postfix for a test: on
// a loopback port, with its own configuration, queue and log under the test's
// temporary directory, with the limits that the test asks for, delivering
// whatever it accepts to one Maildir so that copies can be counted.
//
// The tests of this module are its only users.
package postfixtest
