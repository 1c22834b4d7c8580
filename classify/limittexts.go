package classify

// limitTexts name a limit of the receiver, or what must not be mistaken for one.
// The exact stands before the general: "too many messages" may be said of a
// connection, an hour or a mailbox.
var limitTexts = []Rule{
	{ // what holds mail back for a while has failed itself
		Name: "text-greylisting-failed", Class: ClassServerBusy, Codes: []int{4},
		Contains: []string{
			"greylist*temporary failure", "greylist*timeout", "greylisting*unavailable", "greylist*error", "greylist*failed", "greylist server",
			"greylist*database", "graylist*temporary failure",
		},
		Matches: []string{"451 greylist temporary failure - Timeout (#4.3.0)"},
		Rejects: []string{"451 greylisted, try again"},
	},
	{ // it mentions almost every other word of these tables
		Name: "text-greylisted", Class: ClassGreylisted, Later: true,
		Contains: []string{
			"greylist", "graylist", "grey list", "gray list", "greypass", "sqlgrey", "postgrey", " triplet",
			"first time sender", "first contact*try", "new sender*try again", "not yet authorized to deliver",
			"mail from unknown*please retry", "liste grise",
		},
		Matches: []string{
			"451 4.7.1 Greylisting in effect, please come back later",
			"550 5.7.1 You have been grey-listed",
		},
		Rejects: []string{"451 4.7.1 Please try again later"},
	},
	{ // Mimecast meets a new sender so, of its own resources or somebody's
		Name: "text-greylisted-resources", Class: ClassGreylisted, Codes: []int{4},
		Contains: []string{"internal resource*temporarily unavailable"},
		Matches:  []string{"451 Internal resources are temporarily unavailable - https://mimecast.example/451"},
		Rejects:  []string{"451 Resources temporarily unavailable. Please try again later"},
	},
	{ // before what else is deferred
		Name: "text-unresolvable-sender", Class: ClassDNSSender,
		Contains: []string{"unresolvable*from domain", "unresolvable sender", "unresolvable domain"},
		Matches:  []string{"451 Message temporarily deferred due to unresolvable RFC.5321 from domain"},
		Rejects:  []string{"451 Message temporarily deferred"},
	},
	{ // worded as busy, but it is the sender that is held off (Yahoo, AOL, Apple)
		Name: "text-deferred-sender", Class: ClassIPReputation,
		Contains: []string{
			" tss0", " tss1", " iptss", " ts01 ", " ts02 ", " ts03 ", " gl01 ", " hcm1 ", " ips0", "user complaints",
			"messages from*temporarily deferred", "messages from*permanently deferred", "message from*temporarily deferred",
			"message temporarily deferred", "your mail from*was deferred",
		},
		Matches: []string{
			"421 4.7.0 [TSS07] All messages from 192.0.2.9 deferred",
			"421 4.7.1 [CS01] Message from 192.0.2.9 temporarily deferred",
		},
		Rejects: []string{"451 Message deferred, try later", "421 4.3.2 delivery deferred"},
	},
	{ // a busy server does not say from whom; this code is for suspicious addresses
		Name: "text-microsoft-suspicious", Class: ClassIPReputation, Enhanced: []string{"x.7.500", "x.7.550", "x.7.650", "x.7.651"},
		Contains: []string{"server busy", "access denied", "ip reputation", "s775", "s777"},
		Matches: []string{
			"451 4.7.500 Server busy. Please try again later from [192.0.2.9]. (S77714)",
			"451 4.7.650 The mail server [192.0.2.9] has been temporarily rate limited due to IP reputation. (S775)",
		},
		Rejects: []string{"451 4.7.0 Server busy", "451 4.7.700 Agent busy, server busy"},
	},
	{ // a limit put on by reputation: both are true
		Name: "text-reputation-rate", Class: ClassIPReputation, Limit: LimitMessagesPerConnection,
		Contains: []string{"rp 002 ", "rate limit allowed on this connection"},
		Matches: []string{
			"421 RP-002 (COL0) The server has exceeded the rate limit allowed on this connection. Reason for rate limitation is related to IP/domain reputation.",
		},
		Rejects: []string{
			"421 RP-001 The server has exceeded the rate limit allowed. Reason is related to IP/domain reputation.",
		},
	},
	{
		Name: "text-reputation-rate-of-all", Class: ClassIPReputation, Limit: LimitMessageRate,
		Contains: []string{"rp 001 ", "exceeded the rate limit allowed", "reputation ratelimit", "reputation rate limit"},
		Matches: []string{
			"421 RP-001 (SNT4) The server has exceeded the rate limit allowed. Reason for rate limitation is related to IP/domain reputation.",
		},
		Rejects: []string{"421 RP-003 The server has exceeded the connection limit allowed."},
	},
	{
		Name: "text-messages-per-connection", Class: ClassConnectionMessageLimit,
		Contains: []string{
			"too many*messages*this session", "too many*messages*this connection", "too many*messages*per connection",
			"too many*mails*connection", "too many*mails*session", "messages per session", "messages per smtp session",
			"messages per connection", "message per connection", "messages per smtp connection", "mails per session",
			"mails per connection", "recipients per connection", "messages*in one session", "messages*in a session",
			"messages*one connection", "messages*single connection", "messages*same connection", "message limit*connection",
			"message limit*session", "message count*session", "session exceeded",
			"session open*too long", "connection open*too long", "batch limit", "too many transactions",
			"maximum*transactions", "transactions per", "too many recipients too many messages", "maximum messages*session",
			"maximum messages*connection", "new connection*more messages", "reconnect*send more", "in this smtp session",
			"connection has sent too many",
		},
		Matches: []string{
			"421 4.7.0 Too many e-mails in this connection",
			"452 4.5.3 You may send 10 messages per session",
			"550 More than 20 mails per connection are not allowed",
		},
		Rejects: []string{"452 Too many messages", "421 Too many sessions"},
	},
	{ // full of messages, not fast
		Name: "text-mailbox-full-of-messages", Class: ClassMailboxFull,
		Contains: []string{
			"messages on the server", "messages on this mailbox", "messages in this mailbox", "mails auf dem server", "messages in the mailbox", "messages in mailbox",
			"messages in your mailbox", "too much mail data",
		},
		Matches: []string{"550 The user has 4000 messages on the server already", "552 too many messages in the mailbox"},
		Rejects: []string{"450 too many messages"},
	},
	{ // one sender's share of what a mailbox may get in an hour
		Name: "text-exchange-mailbox-rate", Class: ClassRecipientRateLimited, Enhanced: []string{"x.2.121", "x.2.122"},
		Contains: []string{"recip", "limit", "exceed"},
		Matches:  []string{"554 5.2.121 RecipLimit; the recipient's limit for one sender"},
		Rejects:  []string{"550 5.5.3 RecipLimit"},
	},
	{
		Name: "text-mailbox-rate", Class: ClassRecipientRateLimited,
		Contains: []string{
			"recipient*has exceeded*rate", "recipient*has exceeded*message", "ratelimit exceeded for mailbox", "rate limit exceeded for mailbox", "rate limit*for recipient", "rate limit*for this recipient", "is receiving mail", "is receiving email", "is receiving messages", "receiving messages too",
			"receiving mail too", "receiving email too", "receiving mail at a rate", "receiving email at a rate",
			"recipient thread limit", "recipient concurrency", "recipient rate limit per", "message receive limit",
			"message receiving limit", "recipient*receiving limit", "user*receiving limit", "mailbox*receive limit",
			"receive rate", "recipient*received too many", "user*received too many", "mailbox*received too many",
			"mailbox*rate limit", "recipients limit for one sender", "too many messages for this recipient",
			"too many messages to this recipient", "too many messages for recipient", "too many messages to recipient",
			"too many messages to this user", "too many messages for this user", "too many messages to user",
			"too many messages for user", "too many emails to this", "too many mails to this", "too many mails to*user",
			"too much mail for this", "too much mail to this", "maximum hourly delivery",
		},
		Matches: []string{
			"450 4.2.1 That user is receiving mail too quickly",
			"451 too many messages to this recipient within an hour",
		},
		Rejects: []string{"451 4.7.1 too many recipients", "450 4.2.1 mailbox disabled"},
	},
	{ // the codes of Charter's page for connections at once, and of others
		Name: "text-connections-code", Class: ClassTooManyConnections,
		Contains: []string{
			"aup in 130", "aup in 131", "aup in 132", "aup in 133", "aup in 134", "aup cxcnct", " ib007", " hl:icc",
			"rp 003 ", " s3115", "ofr005 104", "ofr 104", "lpn 104",
		},
		Matches: []string{
			"550 5.1.0 <a@example.com> sender rejected. AUP#In-1310",
			"421 mx.example.com cmsmtp 192.0.2.9 blocked. AUP#CXCNCT",
			"451 4.7.652 The server has exceeded its maximum (S3115)",
		},
		Rejects: []string{"550 5.1.0 sender rejected. AUP#In-1550"},
	},
	{ // how Mimecast says it
		Name: "text-connections-account", Class: ClassTooManyConnections, Codes: []int{451},
		Contains: []string{"account service*temporarily unavailable"},
		Matches:  []string{"451 Account service is temporarily unavailable"},
		Rejects:  []string{"451 Service is temporarily unavailable"},
	},
	{ // codes of Charter, GoDaddy, Netease
		Name: "text-rate-code", Class: ClassRateLimited,
		Contains: []string{
			" hl:ifc", " ib504", "aup in 135", "aup in 136", "aup in 137", "aup in 138", "aup in 139", "aup in 14", "dyn:t1", "dyn:t2", "mi:sfq",
		},
		Matches: []string{"550 5.1.0 <a@example.com> sender rejected. AUP#In-1350", "554 Refused. IB504"},
		Rejects: []string{"550 5.1.0 sender rejected. AUP#In-1310"},
	},
	{
		Name: "text-quota-code", Class: ClassRateLimited, Limit: LimitQuota,
		Contains: []string{"hl:itc", "rp:orq", "mi:stc", "rp:trc"},
		Matches:  []string{"554 RP:ORQ 163 smtp1"},
		Rejects:  []string{"554 DT:SPM 163 smtp1"},
	},
	{ // Netease, of one connection
		Name: "text-messages-per-connection-code", Class: ClassConnectionMessageLimit,
		Contains: []string{"mi:dmc", "rp:drc"},
		Matches:  []string{"450 MI:DMC 163 smtp2"},
		Rejects:  []string{"450 MI:CEL 163 smtp2"},
	},
	{ // Netease, of what an address has done
		Name: "text-address-code", Class: ClassIPReputation,
		Contains: []string{"hl:rep", "hl:mep", "hl:ipb", "dt:rbl", "wm:bli"},
		Matches:  []string{"421 HL:REP 163 mx31", "450 DT:RBL 163 mx31"},
		Rejects:  []string{"421 HL:ICC 163 mx31"},
	},
	{ // Netease, of wrong or too many commands
		Name: "text-commands-code", Class: ClassProtocol, Codes: []int{4},
		Contains: []string{"mi:cel", "mi:ccl", "rp:cel", "rp:ccl"},
		Matches:  []string{"450 MI:CEL 163 smtp2"},
		Rejects:  []string{"450 MI:DMC 163 smtp2"},
	},
	{ // what was paid for, until the next period
		Name: "text-credits", Class: ClassRateLimited, Limit: LimitQuota,
		Contains: []string{"credits exceeded", "exceeded*credits", "maximum credits", "credit limit"},
		Matches:  []string{"451 Authentication failed: Maximum credits exceeded"},
		Rejects:  []string{"550 You are out of credits"},
	},
	{
		Name: "text-recipient-rate-code", Class: ClassRateLimited, Limit: LimitRecipientRate,
		Contains: []string{"aup in 155", "aup in 158", " ib607", "rp:qrc"},
		Matches:  []string{"554 Refused. IB607"},
		Rejects:  []string{"554 Refused. IB504"},
	},
	{ // Google splits by domain
		Name: "text-recipients-of-domains", Class: ClassTooManyRecipients,
		Contains: []string{"multiple destination domains", "policy size per transaction", "in a separate transaction"},
		Matches:  []string{"451 4.3.0 Multiple destination domains per transaction is unsupported"},
		Rejects:  []string{"452 4.5.3 Too many recipients"},
	},
}

// countTexts name a count of the receiver in ways that have no shape.
var countTexts = []Rule{
	{
		Name: "text-unusual-rate", Class: ClassRateLimited,
		Contains: []string{
			"unusual rate", "unusual amount", "unusually high", "unusual volume", "unusual number of", "high volume of",
			"sudden increase", "excessive volume",
		},
		Matches: []string{
			"421 4.7.28 We see an unusual rate of mail from your address",
			"550 5.7.1 An unusually high number of messages",
		},
		Rejects: []string{"421 4.7.0 unexpected volume or user complaints", "550 unusual header"},
	},
}
