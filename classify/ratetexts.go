package classify

// rateTexts name what is counted over time, and space, which has quotas as well.
var rateTexts = []Rule{
	{ // the room that one mailbox has
		Name: "text-mailbox-space", Class: ClassMailboxFull,
		Contains: []string{"user*not enough", "user*nt enough", "recipient*not enough", "mailbox*not enough", "mailbox*no space", "user*no space", "recipient*no space"},
		Matches:  []string{"552 The user has not enough diskspace available"}, Rejects: []string{"452 Insufficient disk space"},
	},
	{ // space, which also has quotas and limits
		Name: "text-system-storage", Class: ClassInsufficientStorage,
		Contains: []string{
			"system storage", "memory or disk", " disk space", "insufficient storage", "insufficient space",
			"not enough disk", "not enough space", "not enough storage", "mail system full", "system is full",
			"space shortage", "no space left", "disk full", "disk is full", "low on disk", "out of storage space on",
		},
		Matches: []string{"452 4.3.1 Insufficient system storage", "451 No space left on device"},
		Rejects: []string{
			"452 4.2.2 mailbox is out of storage",
			"452 4.2.2 Blocks limit exceeded / Inode limit of the mailbox full",
		},
	},
	{ // a mailing of guessed addresses; no limit that waiting helps with
		Name: "text-too-many-unknown", Class: ClassIPReputation, Codes: []int{5},
		Contains: []string{
			"too many invalid recipient", "too many invalid address", "too many invalid rcpt", "too many invalid user",
			"too many invalid mailbox", "too many unknown recip", "too many unknown user", "too many unknown addr",
			"too many unknown rcpt", "too many unknown mailbox", "too many bad recipients", "too many bad rcpt",
			"too many wrong", "too many non existent", "too many nonexistent", "too many failed recipients",
			"directory harvest", "dictionary attack", "namespace mining", "harvest attack", "dha attack",
			"ip has been*blocked for", "ip is blocked for",
		},
		Matches: []string{"550 Too many invalid recipients", "554 This IP has been blocked for the day"},
		Rejects: []string{"452 Too many recipients"},
	},
	{ // the same for now: whoever stops guessing may go on
		Name: "text-too-many-unknown-for-now", Class: ClassPolicy, Codes: []int{4},
		Contains: []string{
			"too many invalid recipient", "too many invalid address", "too many invalid rcpt", "too many invalid user",
			"too many invalid mailbox", "too many unknown recip", "too many unknown user", "too many unknown addr",
			"too many unknown rcpt", "too many unknown mailbox", "too many bad recipients", "too many bad rcpt",
			"too many wrong", "too many non existent", "too many nonexistent", "too many failed recipients",
		},
		Matches: []string{"421 4.7.0 Too many bad recipients, closing"},
		Rejects: []string{"452 Too many recipients"},
	},
}

// reasonTexts say why a receiver slows down, or more. That may be more than a
// limit: a sender that does not prove itself, or is not liked, is not helped by
// waiting for a token.
var reasonTexts = []Rule{
	{ // Exchange, of a group or a mailbox that takes mail of its own organization only
		Name: "text-members-only", Class: ClassPolicy, Codes: []int{5},
		Contains: []string{"authenticated when sending to"},
		Matches:  []string{"550 5.7.133 RESOLVER.RST.SenderNotAuthenticatedForGroup; Delivery restriction check failed because the sender was not authenticated when sending to this group"},
		Rejects:  []string{"421 4.7.26 Rate limited because the sender is not authenticated"},
	},
	{
		Name: "text-sender-auth-reason", Class: ClassSenderAuth,
		Contains: []string{
			"because*authenticat", "because*spf", "because*dkim", "because*dmarc", "from header*authenticat",
			"from: header*aligned", "spf record", "dmarc record", "dkim record", "required authentication level",
			"must be authenticated with spf", "authenticate with either spf", "sender is unauthenticated",
		},
		Matches: []string{"421 4.7.26 Rate limited because DKIM did not pass", "550 5.7.23 Your SPF record has an error"},
		Rejects: []string{"450 rate limited because of complaints", "550 5.7.1 authentication required"},
	},
	{
		Name: "text-tls-reason", Class: ClassTLS,
		Contains: []string{
			"not using a tls", "not using tls", "wasnt sent over a tls", "not sent over a tls", "not sent over tls",
			"over an encrypted connection",
		},
		Matches: []string{"421 4.7.29 Rate limited because you are not using TLS"},
		Rejects: []string{"421 rate limited"},
	},
	{
		Name: "text-dns-reason", Class: ClassDNSSender, Later: true,
		Contains: []string{
			" ptr record", "ptr resource", "dns:nr", "dns:b1", "reverse dns", "reverse hostname", "reverse lookup", "reverse record", "no reverse",
			"reverse entry", " rdns ", "ptr lookup", "no ptr", "missing ptr", "invalid ptr", "generic ptr",
			"ip name lookup failed", "host name lookup failed", "unverifyable sending", "unverifiable sending",
			"forward confirmed",
		},
		Matches: []string{"550 5.7.25 The sending address has no PTR record", "421 Your reverse DNS is missing"},
		Rejects: []string{"550 5.7.1 DNS blocklist"},
	},
	{ // the name that we give, or that of our address
		Name: "text-our-host", Class: ClassDNSSender, Later: true, Codes: []int{5},
		Contains: []string{
			"helo command rejected", "ehlo command rejected", "helo rejected", "ehlo rejected", "helo*denied", "ehlo*denied",
			"helo*not accept", "ehlo*not accept", "helo*mismatch", "helo*impersonat", "impersonat*helo", "helo name", "ehlo name",
			"helo host", "ehlo host", "helo string", "helo domain", "ehlo domain", "helo greeting", " helo argument",
			" ehlo argument", "helo*fully qualified", "ehlo*fully qualified", "bad helo", "bad ehlo", "bogus helo", "forged helo",
			"helo*forged", "helo*invalid domain", "helo*not found", "helo*not exist", "helo*unknown", "your helo", "your ehlo", "fully qualified hostname", "fully qualified host name", "hostname required",
			"valid hostname", "unknown client host", "cannot find your reverse", "forged hostname", "your hostname", "hostname is not", "your servers name", "greeting name",
		},
		Matches: []string{
			"504 5.5.2 <vm>: Helo command rejected: need fully-qualified hostname",
			"550 5.7.1 <vm>: Helo command rejected: Host not found",
			"550 Access denied - Invalid HELO name (See RFC2821 4.1.1.1)",
			"550 5.7.1 Client host rejected: cannot find your hostname, [192.0.2.9]",
		},
		Rejects: []string{
			"504 5.5.2 <a>: Sender address rejected: need fully-qualified address",
			"450 4.7.1 <vm>: Helo command rejected: Host not found",
			"501 5.5.2 invalid HELO",
		},
	},
	{
		Name: "text-domain-reputation", Class: ClassDomainReputation,
		Contains: []string{
			"reputation of the sending domain", "reputation of your domain", "reputation of the domain",
			"reputation of your sending domain", " domain reputation", "domain has been blacklisted",
			"domain has been blocklisted", "domain is blacklisted", "domain is blocklisted", "domain*blacklisted by",
			"domain has been blocked", "domain is blocked", "domain blocked due", "domain*on our block list",
			"domain is listed", "domain listed", "domain*listed in dbl", "dbl.spamhaus", "spamhaus dbl", "sender domain*blocked",
			"sending domain*blocked", "sender address*blocked using", "domain*bad reputation", "domain*poor reputation",
			"domain frequency limited",
		},
		Matches: []string{
			"550 5.7.1 Your domain has a poor reputation here",
			"554 5.7.1 Sender address rejected: domain is listed in a block list",
		},
		Rejects: []string{
			"421 RP-003 Reason for limitation is related to IP/domain reputation.",
			"550 5.7.1 Your address has a poor reputation",
		},
	},
	{ // also where the limit is lower for a poor reputation
		Name: "says-connections", Class: ClassTooManyConnections, says: &wanting{limit: LimitConnections},
		Matches: []string{"452 4.3.2 Too many concurrent message transfers", "421 The server has exceeded the connection limit. The reason is its reputation"},
		Rejects: []string{"421 Closing connection", "554 poor reputation"},
	},
	{
		Name: "text-reputation", Class: ClassIPReputation,
		Contains: []string{"senderbase", "reputation"},
		Matches: []string{
			"554 Your access has been rejected due to the sending MTA's poor reputation",
			"421 4.7.0 IP reputation",
		},
		Rejects: []string{"554 5.7.1 refused"},
	},
}
