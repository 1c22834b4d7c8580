// Package adapters shows how a smtpace.Pacer wraps sending code of other libraries. Its
// tests are the examples: each has what a user writes, and sends through it.
package adapters
