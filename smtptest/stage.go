package smtptest

// Stage names the point of a session at which something happens.
type Stage string

// The stages, in the order in which a session meets them.
const (
	StageDial      Stage = "dial"      // Server.DialContext was called; no connection exists yet
	StageHandshake Stage = "handshake" // before the server's side of a TLS handshake
	StageConnect   Stage = "connect"   // before the greeting
	StageIdle      Stage = "idle"      // before the server waits for a command, outside a transaction
	StageHelo      Stage = "helo"      // EHLO or HELO
	StageStartTLS  Stage = "starttls"  // STARTTLS
	StageAuth      Stage = "auth"      // AUTH, once its exchange is complete
	StageMail      Stage = "mail"      // MAIL
	StageRcpt      Stage = "rcpt"      // RCPT
	StageData      Stage = "data"      // DATA
	StageBody      Stage = "body"      // after the 354, while the message is read
	StageDot       Stage = "dot"       // after the final dot
	StageRset      Stage = "rset"      // RSET
	StageNoop      Stage = "noop"      // NOOP
	StageQuit      Stage = "quit"      // QUIT
	StageOther     Stage = "other"     // any other command
)
