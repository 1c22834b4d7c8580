package mtatest

// Kind is one of the servers. The zero value is Postfix.
type Kind uint8

// The servers.
const (
	Postfix Kind = iota
	Exim
	OpenSMTPD
	Haraka
)

// Kinds are all servers, in the order of their constants.
var Kinds = []Kind{Postfix, Exim, OpenSMTPD, Haraka}

var kinds = [...]struct {
	name string
	mta  mta
}{
	Postfix:   {"Postfix", postfix{}},
	Exim:      {"Exim", exim{}},
	OpenSMTPD: {"OpenSMTPD", opensmtpd{}},
	Haraka:    {"Haraka", haraka{}},
}

// String returns the name of the server as its makers write it.
func (k Kind) String() string { return kinds[k].name }

// Pipelines reports whether the server can be made to offer PIPELINING (RFC
// 2920): all but OpenSMTPD can.
func (k Kind) Pipelines() bool { return k != OpenSMTPD }
