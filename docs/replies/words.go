package main

import "github.com/smtpace/smtpace/classify"

// limits has, for each limit, what the Sender does about it, the key that sets it and
// an example.
var limits = map[classify.Limit]struct{ does, key, example string }{
	classify.LimitConnections: {
		"opens no more connections than were accepted, and tries one more from time to time; costs no attempt", "connections", "connections:5"},
	classify.LimitConnectionRate: {
		"opens connections more slowly and uses them longer; costs no attempt", "connection-rate", "connection-rate:10/m"},
	classify.LimitMessageRate: {
		"slows down, finds the rate that is accepted and stays just below it; costs no attempt", "rate", "rate:10/s burst 10"},
	classify.LimitRecipientRate: {
		"slows down and puts fewer recipients into a message; costs no attempt", "recipient-rate", "recipient-rate:100/m burst 20"},
	classify.LimitMailboxRate: {
		"holds back the mail for this mailbox alone", "", ""},
	classify.LimitMessagesPerConnection: {
		"ends each connection before that message and goes on with a new one at once; costs no attempt", "per-connection", "per-connection:20"},
	classify.LimitRecipientsPerMessage: {
		"sends the others in a further transaction at once; costs no attempt", "per-message", "per-message:50"},
	classify.LimitQuota: {
		"waits, probes with one message at a time, and learns the period; costs no attempt", "quota", "quota:1000/d"},
}

// classes has, for each class, its title, its meaning and what a person can do.
var classes = map[classify.Class]struct{ title, means, do string }{
	classify.ClassTooManyConnections: {
		"Too many connections",
		"The server counts the connections that are open at once, from your address, your account or from everybody, and refuses a further one. Those that are open go on.",
		"nothing, if smtpace alone sends from your address. Several processes share one limit: give each its part by `connections`."},
	classify.ClassConnectionMessageLimit: {
		"Too many messages on one connection",
		"A connection has carried as many messages as the server wants on one. A new connection may be opened.", ""},
	classify.ClassRateLimited: {
		"Too much mail in a time",
		"The server counts messages, recipients or connections over time, or has a quota for an hour or a day. A server that warms up to a new sender raises it.",
		"ask the administrator for more, send less at once, or spread the mail over the day. `Config.WarmUps` raises the volume of a new address by the day."},
	classify.ClassRecipientRateLimited: {
		"One mailbox gets too much mail",
		"The mailbox receives mail too fast, from anybody. Other mailboxes of the domain are not concerned.", ""},
	classify.ClassTooManyRecipients: {
		"Too many recipients in one message",
		"The server takes only so many RCPT commands in one transaction; RFC 5321 demands 100.", ""},
	classify.ClassGreylisted: {
		"Greylisting",
		"The server does not know this triple of address, sender and recipient, and wants to see whether you come again. Most accept after one to fifteen minutes.",
		"nothing: do not change the envelope sender from try to try."},
	classify.ClassServerBusy: {
		"The server is busy, or has trouble",
		"Overload, maintenance, or a fault of the server or of something behind it. Some servers also say this in place of a limit.",
		"nothing at first. If it lasts while others get through, ask the server's postmaster."},
	classify.ClassInsufficientStorage: {
		"The server is out of space",
		"The receiving system has no room, not the mailbox.", ""},
	classify.ClassMailboxFull: {
		"The mailbox is full",
		"The recipient has used up the quota. Full mailboxes are often abandoned.", "take the address off the list if it stays full for weeks."},
	classify.ClassIPReputation: {
		"Your address is not liked",
		"The IP address that you send from is on a list, has a bad reputation, or is of a kind that should not send mail. smtpace refuses no recipient for it: after ten such answers it probes with single messages, and another relay takes over.",
		"look the address up in the list that the reply names and ask for removal there; see that reverse DNS is set; send less, to people who want the mail."},
	classify.ClassDomainReputation: {
		"Your domain is not liked",
		"The domain of the sender, or one in the text, has a bad reputation.",
		"look at the receiver's postmaster tools; remove addresses that bounce or complain."},
	classify.ClassPolicy: {
		"A policy of the receiver",
		"A rule that the reply does not explain.", "ask the receiver's postmaster, with the reply."},
	classify.ClassRelayDenied: {
		"Relaying denied",
		"The server does not take mail for this recipient from you: you have not logged in, or the recipient's domain is not one of its own.",
		"set `Relay.Credentials`, or mend the route."},
	classify.ClassSMTPAuth: {
		"The login",
		"The server wants a login, refuses yours, or your account may not send, or not as this sender. smtpace refuses no recipient for it.",
		"check user and secret with `Sender.Verify`; an app password may be needed."},
	classify.ClassSenderAuth: {
		"SPF, DKIM or DMARC",
		"The receiver could not verify that the mail is from the domain of the sender.",
		"publish the records, sign with DKIM, and use a sender whose domain is aligned with From."},
	classify.ClassDNSSender: {
		"The sender's DNS or HELO name",
		"Reverse DNS of your address, the HELO name, or the domain of the sender does not resolve as it should.",
		"set a PTR record that resolves back to the address; set `Relay.HELO` to that name."},
	classify.ClassTLS: {
		"TLS",
		"The server wants encryption, or a certificate was not accepted.", "use `TLSStartTLS`, the default; check the certificate."},
	classify.ClassBadDomain: {
		"The domain takes no mail",
		"The recipient's domain does not exist, or has a null MX (RFC 7505).", "take the address off the list."},
	classify.ClassBadMailbox: {
		"No such mailbox",
		"The recipient does not exist.", "take the address off the list: many such addresses cost reputation."},
	classify.ClassMailboxDisabled: {
		"The mailbox is disabled",
		"The recipient exists and takes no mail, for now or for good.", "take the address off the list if it is a 5yz."},
	classify.ClassSpamContent: {
		"It looks like spam",
		"A filter does not like the message.", "look at links, headers and the list; the same text goes to other receivers as before."},
	classify.ClassContentRejected: {
		"The content is refused",
		"A virus, a forbidden attachment, or a message whose form is wrong.", ""},
	classify.ClassMessageTooLarge: {
		"The message is too large",
		"It is larger than the receiver or the mailbox takes.", "send a link in place of the attachment."},
	classify.ClassLoop: {
		"A mail loop",
		"The message has passed too many servers, or the same one twice.", "tell the receiver's postmaster."},
	classify.ClassProtocol: {
		"The protocol",
		"The server did not understand a command, or took it for misplaced. smtpace leaves out extensions that do not work and tries again.",
		"if it lasts, report it with a transcript."},
	classify.ClassNetwork: {
		"The network", "The connection could not be opened, or was lost.", ""},
}
