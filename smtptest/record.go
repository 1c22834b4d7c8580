package smtptest

// Record says how much of every transaction a server remembers. The zero value
// is RecordAll.
type Record uint8

// The degrees.
const (
	RecordAll   Record = iota // everything
	RecordHash                // everything but the bytes; their number and hash stay
	RecordStats               // no transactions and no times, only Stats
)
