package classify

// serverTexts are about the dialogue and the server, and what explains nothing.
var serverTexts = []Rule{
	{
		Name: "text-protocol", Class: ClassProtocol,
		Contains: []string{
			"syntax error", "out of sequence", "bad sequence", "sequence of commands", "improper sequence",
			"not recognized", "not recognised", "unrecognized", "unrecognised", "unimplemented", "not implemented",
			"not supported", "nested mail", "need mail", "need rcpt", "rcpt first", "too many errors", "too many commands",
			"too many syntax", "too many invalid", "too many non", "nonmail", "out of order", "excessive amounts",
			"without mail", "without rcpt", "unknown command", "bad command", "invalid command", "unexpected command",
			"unexpected argument", "pipelin", "command rejected", "polite people", "helo first", "ehlo first",
			"helo needed", "helo/ehlo", "ehlo/helo", "invalid ehlo", "invalid helo", "invalid argument",
			"already established", "break rules", "improper command", "no identity changes", "sender address*not a valid",
			"command not allowed", "parameter",
		},
		Matches: []string{
			"503 5.5.1 Bad sequence of commands",
			"500 5.5.2 Unrecognized command",
			"421 4.7.0 Error: too many errors",
		},
		Rejects: []string{"421 too many connections", "451 processing error"},
	},
	{
		Name: "text-network", Class: ClassNetwork, Codes: []int{4},
		Contains: []string{
			"timeout", "timed out", "time out", "connection expired", "lost*connection", "connection lost", "lost input",
			"ended early", "idle too long", "idle for", "inactivity", "unreachable", "connection reset", "broken pipe",
		},
		Matches: []string{"421 mx.example.com Error: timeout exceeded", "421 4.3.0 Connection timed out"},
		Rejects: []string{"421 closing", "550 timeout"},
	},
	{ // postscreen, at a first visit (Postfix, POSTSCREEN_README, "after 220")
		Name: "text-reconnect-once", Class: ClassGreylisted, Codes: []int{421, 450}, Enhanced: []string{"x.3.2"},
		Contains: []string{"service currently unavailable"},
		Matches:  []string{"450 4.3.2 Service currently unavailable"},
		Rejects:  []string{"421 4.3.2 All server ports are busy", "521 5.3.2 Service currently unavailable"},
	},
	{
		Name: "text-screened", Class: ClassIPReputation, Codes: []int{521, 550}, Enhanced: []string{"x.3.2"},
		Contains: []string{"service currently unavailable"},
		Matches:  []string{"521 5.3.2 Service currently unavailable", "550 5.3.2 Service currently unavailable"},
		Rejects:  []string{"450 4.3.2 Service currently unavailable", "554 5.3.2 Service currently unavailable"},
	},
	{
		Name: "text-try-again", Class: ClassGreylisted, Stages: []Stage{StageDot}, Codes: []int{451}, Enhanced: []string{"x.7.1"},
		Pattern: "^451 4.7.1 try again later", // rspamd's greylisting does not name itself
		Matches: []string{"451 4.7.1 Try again later"},
		Rejects: []string{"451 4.3.0 Try again later", "451 4.7.1 Local error"},
	},
}

// vagueTexts say little: what a server put in front of anything.
var vagueTexts = []Rule{
	{
		Name: "text-overload", Class: ClassServerBusy, Codes: []int{4},
		Contains: []string{
			"busy", " load", "overload", "resource", "shutting down", "shutdown", "internal", "out of memory", "queue",
			"maintenance", "upgrade", "local problem", "local error", "system error", "system problem", "operating system",
			"write error", "writing", "i/o error", "io error", "disk error", "configuration error", "lookup fail",
			"lookup error", "dns fail", "dns error", "backend", "upstream", "database", "ldap", "mysql", "expansion",
			"unable to process", "unable to read", "unable to accept", "unable to connect", "could not connect",
			"cannot connect", "able to establish", "onward transmission", "no data saved", "getsockname",
			"error processing", "transaction failed", "requested action aborted", "error in processing", "processing error", "failure", "capacity", "too many processes",
			" fork",
		},
		Matches: []string{"421 4.3.2 The system is overloaded", "451 4.3.0 Backend failure", "452 Internal error"},
		Rejects: []string{"421 closing", "550 internal error"},
	},
	{
		Name: "text-message-denied", Class: ClassPolicy, Codes: []int{4},
		Contains: []string{
			"address blocked", "not authorized", "incorrect hostname", "helo denied", "ehlo denied", "temporarily denied",
			"not in whitelist", "not whitelisted", "policy", "policies", "violation", "prohibit", "administrat",
		},
		Matches: []string{"451 4.7.1 Rejected for policy reasons, try again later", "450 HELO denied"},
		Rejects: []string{"450 try again later", "550 policy"},
	},
	{ // words without a reason: the stage tells more
		Name: "text-try-later", Class: ClassServerBusy, Codes: []int{4}, vague: true, weak: true,
		Contains: []string{
			"unavailable", "not available", "not currently available", "temporary", "temporarily", "temporaire",
			"try again", "come back", "later", "plus tard", "closing connection", "closing transmission", "closing channel",
			"close connection", "goodbye", "try in", "retry", "deferred", "service not", "at this time", "spater",
			"momentan", "mas tarde", "cannot resolve", "verzoegert",
		},
		Matches: []string{"421 4.7.0 Try again later, closing connection", "451 Temporarily unavailable"},
		Rejects: []string{"421 bye", "550 try again later"},
	},
	{
		Name: "text-server-error", Class: ClassServerBusy, Codes: []int{5},
		Contains: []string{
			"service unavailable", "service is unavailable", "service currently unavailable",
			"service temporarily unavailable", "system error", "internal error", "configuration error", "config error",
			"local error", "temporary failure", "system failure", "server error",
		},
		Matches: []string{"554 5.3.5 Local configuration error", "554 5.0.0 Service unavailable"},
		Rejects: []string{"421 Service unavailable", "554 refused"},
	},
}

// policyTexts are said of anything.
var policyTexts = []Rule{
	{
		Name: "text-not-its-sender-permission", Class: ClassPolicy, Codes: []int{5},
		Contains: []string{"permission*to send as"},
		Matches:  []string{"550 5.7.60 SMTP; Client does not have permissions to send as this sender"},
		Rejects:  []string{"550 5.7.1 Client does not have permission to submit mail to this server"},
	},
	{
		Name: "text-policy", Class: ClassPolicy, Codes: []int{5},
		Contains: []string{
			"policy", "policies", "prohibit", "administrat", "incorrect hostname", "not allowed", "not permitted",
			"no permit", "not authorized", "not authorised", "notauthorized", "unauthorized", "permission", "reject",
			"refuse", "denied", "deny", "blocked", "restricted", "forbidden", "not accept", "not wanted", "confirmation",
			"blackholed", "redundant", "countries", "not available",
		},
		Matches: []string{"550 5.7.1 Rejected for policy reasons", "550 5.7.0 Not allowed"},
		Rejects: []string{"450 policy", "550 5.0.0 error"},
	},
}
