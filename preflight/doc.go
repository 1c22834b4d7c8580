// Package preflight finds out whether a sender is fit to send: whether receivers have a
// reason to refuse its mail or to take it for spam, before any of it is sent.
//
//	findings := preflight.Check(ctx, preflight.Sender{
//		From:         "news@example.com",
//		Relay:        &relay,
//		DKIMSelector: "2026",
//	}, preflight.Options{BulkSender: true})
//
// Each Finding has a level, its reason, what to do, and the DNS record to publish. No
// mail is sent. With Options.Quick nobody is asked but DNS, about the sender's own names.
// The program examples/preflight prints the findings.
//
// Trouble on the way is Unknown and never a failure: silent DNS, a dead MX host, a block
// list that refuses to answer, a machine without a network. A relay that does not exist
// or refuses connections is a failure, as no mail goes out. What comes from outside is
// bounded and made printable.
//
// [Limits] tells what would bind mail to a recipient domain, and where each figure comes
// from.
//
// The findings are, in this order:
//
//	sender.address     the address of From is one, and of a domain of your own
//	spf.record         the SPF record is there once and means something
//	spf.lookups        the SPF record keeps to ten look-ups and two void ones
//	spf.source         SPF passes for each source address
//	dkim.key           the DKIM key of the selector can be used
//	dkim.signature     the signature of the sample is valid
//	dmarc.record       the DMARC record is there once and asks for something
//	dmarc.reports      DMARC reports arrive
//	dmarc.alignment    SPF or DKIM passes for the domain of From
//	source.ptr         each source address has a name that leads back to it
//	source.helo        the HELO name is one, and leads to a source address
//	domain.mx          the domain takes replies and bounces
//	domain.postmaster  postmaster is a mailbox
//	domain.abuse       abuse is a mailbox
//	mta-sts.record     the MTA-STS record is valid
//	mta-sts.policy     the MTA-STS policy is valid and names the MX hosts
//	tls-rpt.record     the TLS-RPT record is valid
//	bimi.record        the BIMI record is valid and can have an effect
//	relay.connect      the relay can be reached
//	relay.starttls     the relay offers TLS
//	relay.certificate  the relay's certificate is valid for some time
//	relay.login        the relay takes the login
//	relay.sender       the relay takes the envelope sender
//	port25             receivers can be reached on port 25
//	dnsbl.address      no block list has a source address
//	dnsbl.domain       no block list has a domain
//	message.sample     the sample can be read
//	message.from       the message has one From, with one address of the domain
//	message.id         the message has a Message-ID
//	message.date       the message has a Date of now
//	message.size       the message is not too large
//	message.lines      lines end in CRLF and are not too long
//	message.8bit       octets above 127 are declared
//	bulk.unsubscribe   recipients can unsubscribe with one click
//	bulk.complaints    hardly anybody complains
package preflight
