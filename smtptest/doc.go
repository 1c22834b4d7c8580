// Package smtptest provides SMTP receivers for tests, as net/http/httptest
// provides web servers.
//
// A [Server] speaks SMTP (RFC 5321) with the extensions that submission and
// relaying use, over a socket on the loopback or, with [Config].InMemory, over
// connections in memory that also work inside a testing/synctest bubble. It
// limits its clients as real receivers do, answers wrongly or not at all where
// [Config].Fault says so, and records every transaction, so that a test can
// check what arrived, how often and how fast.
//
// The defaults describe a receiver that accepts everything, at any rate, from
// anybody and without TLS. [Limits] bind all clients together, [Domain] the
// recipients of one domain, as with a relay behind which receivers differ; a
// [Tarpit] slows down instead. [Server.SetLimits] and [Server.SetDown] change
// the receiver while it runs.
// [Rules] makes a Config.Fault from a list; [Dialer] puts several servers into
// one network.
package smtptest
