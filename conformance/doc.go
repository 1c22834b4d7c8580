// Package conformance sends to real servers that are Go modules. It is a module
// of its own, so that they are no dependency of the library. Servers that are
// programs are in the tests of package smtpace.
package conformance
