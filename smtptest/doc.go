// Package smtptest provides SMTP receivers for tests, as net/http/httptest
// provides web servers.
//
// A [Server] speaks SMTP (RFC 5321) with the extensions that submission and
// relaying use, over a socket on the loopback or, with [Config].InMemory, over
// connections in memory that also work inside a testing/synctest bubble. It
// limits its clients as real receivers do, injects the faults of [Config].Fault,
// and records every transaction, so that a test can check the mail that arrived,
// its duplicates and its pace.
//
// By default a server accepts everything, at any rate, from every client and
// without TLS. [Limits] apply to all clients together, and [Domain] to the
// recipients of one domain, as of a relay in front of several receivers.
// [Server.SetLimits] and [Server.SetDown] change the receiver while it runs. [Rules]
// makes a Config.Fault from a list.
package smtptest
