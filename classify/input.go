package classify

// Input describes the circumstances of an answer. The zero value stands for an
// answer of an unknown receiver while connecting.
type Input struct {
	// Stage is the point of the session; [StageUnknown] for a reply in a log
	// that does not tell.
	Stage Stage

	// Provider is the name of the receiver's profile; "" for unknown. A rule
	// with a provider applies to the replies of that provider only.
	Provider string

	// Ordinal is the number of the message on its connection, from 1; 0 for
	// unknown. A 421 without a reason means one thing at the first MAIL of a
	// connection and another at its fifth.
	Ordinal int
}

// Stage is the point of an SMTP session at which a reply was read or an error
// occurred. The zero value is StageConnect.
type Stage uint8

// The stages of a session, in the order in which it passes through them.
const (
	StageConnect  Stage = iota // resolving the name and opening the TCP connection
	StageBanner                // the 220 greeting, or the TLS handshake of an implicit TLS port
	StageEHLO                  // EHLO or HELO
	StageStartTLS              // STARTTLS and the handshake behind it
	StageAuth                  // AUTH
	StageMail                  // MAIL FROM
	StageRcpt                  // RCPT TO
	StageData                  // DATA, up to the 354
	StageBody                  // the text of the message, before the final dot
	StageDot                   // the final dot and its reply
	StageRset                  // RSET
	StageIdle                  // between two transactions
	StageQuit                  // QUIT
	StageUnknown               // not known, as of a line in a log: a 5yz refuses a recipient, a 2yz delivers to none
)

var stageNames = [...]string{
	"connect", "banner", "EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA",
	"body", "dot", "RSET", "idle", "QUIT", "unknown",
}

// String returns the command of the stage, or the stage in lower case.
func (s Stage) String() string { return name(stageNames[:], uint8(s)) }

// MarshalText returns the same text as String.
func (s Stage) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what String returns, in upper or lower case: "mail" is
// [StageMail].
func (s *Stage) UnmarshalText(text []byte) error {
	return unmarshal(s, "stage", stageNames[:], text)
}
