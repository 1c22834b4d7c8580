package smtptest

// Domain is what a server allows for the recipients of one domain, like a
// relay behind which receivers differ. All of it is judged at RCPT. The zero
// Domain allows everything.
type Domain struct {
	// Transactions is how many may have an accepted recipient there at once;
	// refused with 451 4.7.0.
	Transactions Cap

	// MessageRate counts transactions, at their first recipient there; refused
	// with 450 4.7.1.
	MessageRate Rate

	// RecipientRate counts recipients; refused with 450 4.7.1.
	RecipientRate Rate

	// MailboxRate counts the recipients of each address by itself; refused
	// with 450 4.2.1, as for mailboxes that get mail too fast.
	MailboxRate Rate

	// RecipientsPerMessage is how many one transaction may have there; refused
	// with 452 4.5.3.
	RecipientsPerMessage Cap

	Greylist Greylist
}
