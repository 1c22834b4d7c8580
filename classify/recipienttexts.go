package classify

// recipientTexts are about a recipient or its domain, in words that are less sure.
var recipientTexts = []Rule{
	{
		Name: "text-disabled", Class: ClassMailboxDisabled,
		Contains: []string{
			"mailbox*disabled", "account*disabled", "user*disabled", "recipient*disabled", "email*disabled",
			"domain*disabled", "disabled recipient", "now disabled", "is disabled", "been disabled", "inactive",
			"not active", "inactivated", "due to inactivity", "deactivated", "desactive", "discontinued", "account*closed",
			"mailbox*closed", "account*expired", "expired account", "mailbox*expired", "account*cancelled",
			"account*canceled", "account*deleted", "mailbox*deleted", "suspended", "frozen", "user*locked",
			"account*locked", "mailbox*locked", "temporary locked", "not activated", "compte*bloque", "archivee",
			"no longer active", "recipient temporarily unavailable", "not accepting messages", "not accepting mail",
			"not accepting email", "gesperrt", "deaktiviert", "has left the", "noactivity", "no activity", "no recipient activity", "receiving disabled", "account*terminated", "mailbox*terminated",
		},
		Matches: []string{
			"550 5.2.1 This mailbox is disabled",
			"550 The account has been suspended",
			"550 user is inactive",
		},
		Rejects: []string{"550 mailbox unavailable", "550 5.7.1 denied", "421 system not accepting connections"},
	},
	{
		Name: "text-bad-domain", Class: ClassBadDomain,
		Contains: []string{
			"host unknown", "unknown host", "unknown domain", "domain unknown", "domain not found", "no such domain",
			"domain*does not exist", "domain*doesnt exist", "nonexistentdomain", "domain lookup failed",
			"does not accept mail", "null mx", "nullmx", "no mx", "mx record", "recipient domain", "no valid domain",
			"invalid domain", "invalid host", "host not found", "domain name not found", "domain*not reachable",
			"unable to route", "unrouteable domain", "unroutable domain", "domain not hosted", "not hosted here", "dont host", "not host this", "not host that", "not host the",
			"not handled here", "no mail server", "dont handle mail", "domain*cannot be found", "domain*could not be found",
			"domain isnt hosted", "domain not served",
		},
		Matches: []string{"550 5.1.2 Host unknown", "556 5.1.10 The domain does not accept mail (null MX)"},
		Rejects: []string{"550 5.1.1 mailbox does not exist"},
	},
	{ // what many say of a client, an address, a sender
		Name: "text-access-denied", Class: ClassPolicy, Codes: []int{5},
		Contains: []string{
			"access denied", "access restricted", "refused to receive", "receiver denied", "recipient denied", "want your mail", "nt want mail", "not want mail", "not wish to receive", "rejected by this user", "recipient preferences",
			"only accepting mail from", "only accepts mail from", "members only", "only members", "allow list", "allowlist",
		},
		Matches: []string{"550 5.7.1 <a@example.com>: Recipient address rejected: Access denied"},
		Rejects: []string{"550 5.1.1 Recipient address rejected"},
	},
	{
		Name: "text-bad-mailbox", Class: ClassBadMailbox,
		Contains: []string{
			"no such address", "no mailbox", "no mail box", "address unknown", "unknown address", "unknown alias", "recipient verify*failed", "recipient verification failed", "recipient validation", "bogus*address",
			"doesnt exist", "not exist", "no longer exists", "no user ",
			"nobody", "no one here", "no one by that", "no existe", "isnt valid", "is not valid", "not valid here",
			"existe pas", "sconosciuto", "niet bekend", "okand", "unbekannt", "invalid user", "invalid address",
			"bad address", "bad destination", "malformed address", "address invalid", "invalid alias", "unrouteable",
			"unroutable", "no longer valid", "no longer on server", "no longer available", "account not available", "account is not available", "no longer employed",
			"no longer with", "no longer works", "no account", "not a registered", "wrong recipient",
			"recipients could not be verified", "recipient cannot be verified", "recipient could not be verified",
			"destinataire invalide", "not ok", "this account is not", "not local", "not found", "undeliverable address",
			"not deliverable", "would love to have gotten", "lookup in domain map", "user not known", "not known here",
			"not known at this", "not recognised", "not in directory",
		},
		Codes:   []int{5},
		Matches: []string{"550 No mailbox of that name", "550 Unrouteable address", "550 5.1.1 address no longer valid"},
		Rejects: []string{"450 address not found", "550 5.7.1 refused"},
	},
	{
		Name: "text-bad-mailbox-for-now", Class: ClassBadMailbox, Codes: []int{450},
		Contains: []string{
			"address unknown", "unknown address", "no mailbox", "no such address", "invalid address", "address not found",
		},
		Matches: []string{"450 4.1.1 No mailbox of that name yet"},
		Rejects: []string{"450 4.2.0 mailbox busy"},
	},
	{
		Name: "text-mailbox-unavailable", Class: ClassBadMailbox, Codes: []int{5},
		Contains: []string{
			"mailbox unavailable", "mailbox not available", "mailbox is unavailable", "mailbox is not available",
			"recipient rejected", "recipient refused", " address rejected", "rcpt to*rejected", "user unavailable",
		},
		Matches: []string{"550 Requested action not taken: mailbox unavailable", "550 #5.1.0 Address rejected."},
		Rejects: []string{"450 mailbox unavailable", "550 Client rejected"},
	},
}

// contentTexts are about the message.
var contentTexts = []Rule{
	{
		Name: "text-virus", Class: ClassContentRejected,
		Contains: []string{
			"virus", "malware", "malicious", "infected", "trojan", "security issue", "attachment type", "banned attachment",
			"attachment*not allowed", "forbidden attachment", "blocked attachment", "banned file", "file type",
			"executable", " id*banned", " macro", " vba ", "password protected", "encrypted archive",
		},
		Matches: []string{"554 5.7.1 Virus found", "552 5.7.0 Its content presents a potential security issue"},
		Rejects: []string{"554 5.7.1 spam found"},
	},
	{
		Name: "text-line-ends", Class: ClassContentRejected,
		Contains: []string{
			"bare lf", "bare line", "bare cr", "bare newline", "lone cr", "lone lf", "smtplf", "rfc 5322", "rfc5322",
			"rfc 2822", "rfc2822", "rfc 822", "rfc822",
		},
		Matches: []string{"550 5.6.11 Bare LF in the message", "550 5.7.1 Not RFC 5322 compliant"},
		Rejects: []string{"550 5.5.2 RFC 5321 says otherwise"},
	},
	{ // RFC 3463 3.7
		Name: "text-conversion", Class: ClassContentRejected, Codes: []int{5}, Enhanced: []string{"x.6.x"},
		Contains: []string{"not supported", "conversion", "body type"},
		Matches:  []string{"554 5.6.1 Body type not supported by Remote Host"},
		Rejects:  []string{"554 5.5.1 Command not supported"},
	},
	{
		Name: "text-spam", Class: ClassSpamContent,
		Contains: []string{
			"spam", "unsolicited", "junk", " ube ", " uce ", "bulk mail", "bulk email", "mass mail", "content filter",
			"content reject", "message filtered", "content denied", "score*threshold", "score*limit", "scoring", "scored",
			"uribl", "surbl", "blocked url", "phish", "bayes", "mailmarshal", "suspicious", "aisp", "mail data refused",
			"dt:spm", "dt:spt", "hvu:b", "unwanted",
		},
		Matches: []string{"554 5.7.1 This looks like SPAM to us", "550 5.7.1 Message content rejected, UBE"},
		Rejects: []string{"554 5.7.1 message refused"},
	},
	{
		Name: "text-content", Class: ClassContentRejected,
		Contains: []string{
			"header", "line too long", "lines too long", "line length", "line limit", " mime", "attachment", "invalid data",
			"8 bit", "8bit", "sensitive word", "sensitive content", "forbidden word", "banned word", "banned content", "prohibited word", "blank from", "multiple addresses", "message content", "malformed message", "is malformed",
			"missing cr", "message is not", "not comply", "nt comply", "not compliant", "conversion failure", "message id: ", "subject line", "subject is mandatory", "subject is required", "subject required", "missing subject", "subject missing", "no subject", "empty subject", "duplicate", "empty message", "date field",
			"character set", "charset", "encoding", "illegal character", "invalid character",
			"null character",
		},
		Matches: []string{"554 5.6.0 Header error", "550 Lines too long for transport"},
		Rejects: []string{"554 rejected"},
	},
}
