package smtptest

import "time"

// Event describes what a server is about to answer. Config.Fault receives one
// for every stage of every session, so it is also the way to watch a session.
type Event struct {
	Stage     Stage
	Time      time.Time
	Conn      int    // the connection, from 1 in the order of arrival; 0 at StageDial
	Message   int    // from StageMail to StageDot the transaction, else the last one, on this connection, from 1
	Line      string // the command as read, without its line end; "" at a stage that has none
	HELO      string // the name the client gave
	User      string // the login; at StageAuth the one that is being tried
	TLS       bool
	From      string // the sender, from StageMail to StageDot
	Recipient string // the recipient, at StageRcpt
	Rcpt      int    // the ordinal of RCPT within the transaction, from 1
	Size      int64  // bytes of the message, at StageDot
}
