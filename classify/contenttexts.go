package classify

// contentTexts are about the message.
var contentTexts = []Rule{
	{
		Name: "text-virus", Class: ContentRejected,
		Contains: []string{
			"virus", "malware", "malicious", "infected", "trojan", "security issue", "attachment type", "banned attachment",
			"attachment*not allowed", "forbidden attachment", "blocked attachment", "banned file", "file type",
			"executable",
		},
		Matches: []string{"554 5.7.1 Virus found", "552 5.7.0 Its content presents a potential security issue"},
		Rejects: []string{"554 5.7.1 spam found"},
	},
	{
		Name: "text-line-ends", Class: ContentRejected,
		Contains: []string{
			"bare lf", "bare line", "bare cr", "bare newline", "lone cr", "lone lf", "smtplf", "rfc 5322", "rfc5322",
			"rfc 2822", "rfc2822", "rfc 822", "rfc822",
		},
		Matches: []string{"550 5.6.11 Bare LF in the message", "550 5.7.1 Not RFC 5322 compliant"},
		Rejects: []string{"550 5.5.2 RFC 5321 says otherwise"},
	},
	{
		Name: "text-spam", Class: SpamContent,
		Contains: []string{
			"spam", "unsolicited", "junk", " ube ", " uce ", "bulk mail", "bulk email", "mass mail", "content filter",
			"content reject", "message filtered", "content denied", "score*threshold", "score*limit", "scoring", "scored",
			"uribl", "surbl", "blocked url", "phish", "bayes", "mailmarshal", "suspicious", "aisp", "mail data refused",
			"dt:spm", "dt:spt", "unwanted",
		},
		Matches: []string{"554 5.7.1 This looks like SPAM to us", "550 5.7.1 Message content rejected, UBE"},
		Rejects: []string{"554 5.7.1 message refused"},
	},
	{
		Name: "text-content", Class: ContentRejected,
		Contains: []string{
			"header", "line too long", "lines too long", "line length", "line limit", " mime", "attachment", "invalid data",
			"8 bit", "8bit", "blank from", "multiple addresses", "message content", "malformed message", "is malformed",
			"missing cr", "message is not", "message id: ", "subject line", "duplicate", "empty message", "date field",
			"character set", "charset", "encoding", "illegal character", "invalid character", "allowed as a from",
			"null character",
		},
		Matches: []string{"554 5.6.0 Header error", "550 Lines too long for transport"},
		Rejects: []string{"554 rejected"},
	},
}
