package classify

// limitTexts name a limit of the receiver, or what must not be mistaken for one.
// The exact stands before the general: "too many messages" may be said of a
// connection, an hour or a mailbox.
var limitTexts = []Rule{
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
			"message limit*session", "message count*session", "session exceeded", "session limit exceeded",
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
			"messages on the server", "mails auf dem server", "messages in the mailbox", "messages in mailbox",
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
			"is receiving mail", "is receiving email", "is receiving messages", "receiving messages too",
			"receiving mail too", "receiving email too", "receiving mail at a rate", "receiving email at a rate",
			"recipient thread limit", "recipient concurrency", "recipient rate limit per", "message receive limit",
			"message receiving limit", "recipient*receiving limit", "user*receiving limit", "mailbox*receive limit",
			"receive rate", "recipient*received too many", "user*received too many", "mailbox*received too many",
			"mailbox*rate limit", "recipients limit for one sender", "too many messages for this recipient",
			"too many messages to this recipient", "too many messages for recipient", "too many messages to recipient",
			"too many messages to this user", "too many messages for this user", "too many messages to user",
			"too many messages for user", "too many emails to this", "too many mails to this", "too many mails to*user",
			"too much mail for this", "too much mail to this", "maximum hourly delivery", "mailbox*too many messages",
		},
		Matches: []string{
			"450 4.2.1 That user is receiving mail too quickly",
			"451 too many messages to this recipient within an hour",
		},
		Rejects: []string{"451 4.7.1 too many recipients", "450 4.2.1 mailbox disabled"},
	},
	{ // connections over time, before connections at once
		Name: "text-connection-rate", Class: ClassRateLimited, Limit: LimitConnectionRate,
		Contains: []string{
			"connection rate", "connect rate", "rate of connections", "connections rate", "connection frequency",
			"connect frequency", "ip frequency limited", "frequent connect", "connecting too", "connects too",
			"connections too f", "connect too f", "connected too f", "connection attempts", "reconnect too",
			"too many new tls", "too many new connections", "connections per minute", "connections per hour",
			"connections per second", "connections per day", "connections*this hour", "connections*last hour",
			"connections*last minute", "too many connections in", "too many connections within",
			"too many recent connections", "connections in a short", "connection*throttled", "throttled*connection",
			"connections*in the last", "new connections are",
		},
		Matches: []string{
			"421 4.7.0 Connection rate exceeded for 192.0.2.9",
			"550 Connecting too often, wait",
			"421 At most 30 connections per minute",
		},
		Rejects: []string{"421 Too many connections from 192.0.2.9"},
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
	{
		Name: "text-connections", Class: ClassTooManyConnections,
		Contains: []string{
			"too many*connections", "too many*sessions", "too many connection", "too many smtp connection",
			"number of*connections", "number of*sessions", "concurrent connection", "concurrent smtp",
			"simultaneous connection", "simultaneous smtp", "concurrent session", "simultaneous session",
			"concurrent client", "parallel connection", "parallel session", "open connections", "multiple connections",
			"connection limit", "connections limit", "connection count", "connections exceeded", "connections reached",
			"concurrency limit", "concurrency exceeded", "session limit", "sessions limit", "connection slot",
			"max connection", "maximum sessions", "maximum*connections", "thread limit", "limit of*connections",
			"connections allowed", "connections per ip", "connections from your ip", "connections at once",
			"connections at a time", "trop de connexions", "trop de connections", "trop de sessions",
			"zu viele verbindungen", "zu viele gleichzeitige", "demasiadas conexiones", "troppe connessioni",
			"muitas conexoes", "too much connection",
		},
		Matches: []string{
			"421 4.4.5 Too many concurrent sessions",
			"550 Maximum of 5 connections exceeded",
			"421 Connection limit reached for your host",
		},
		Rejects: []string{"421 Closing connection", "421 too many errors in this connection"},
	},
	{ // how Mimecast says it
		Name: "text-connections-account", Class: ClassTooManyConnections, Codes: []int{451},
		Contains: []string{"account service*temporarily unavailable"},
		Matches:  []string{"451 Account service is temporarily unavailable"},
		Rejects:  []string{"451 Service is temporarily unavailable"},
	},
	{ // recipients of an hour or a day
		Name: "text-recipient-quota", Class: ClassRateLimited, Limit: LimitQuota,
		Contains: []string{
			"hourly recipient", "daily recipient", "hourly*recipient limit", "daily*recipient limit",
			"recipient limit*per hour", "recipient limit*per day", "recipient limit*24 hours",
		},
		Matches: []string{"554 Policy: hourly recipient limit reached", "550 5.7.1 Daily recipient limit exceeded"},
		Rejects: []string{"452 recipient limit reached", "452 Only 500 recipients per hour are taken"},
	},
	{ // recipients over time, before recipients at once
		Name: "text-recipient-rate", Class: ClassRateLimited, Limit: LimitRecipientRate,
		Contains: []string{
			"too many recipients*hour", "too many recipients*minute", "too many recipients*day", "too many recipients from",
			"too many recipients in a", "too many recipients in the", "too many recipients too fast",
			"too many recipients too quickly", "recipient rate", "recipients rate", "rcpt rate", "recipients per hour",
			"recipients per minute", "recipients per day", "recipients per second", "recipients*last hour",
			"recipients this hour", "aup in 155", "aup in 158", " ib607",
		},
		Matches: []string{
			"450 4.7.1 Error: too many recipients from 192.0.2.9",
			"452 Only 500 recipients per hour are taken",
		},
		Rejects: []string{"452 4.5.3 Too many recipients"},
	},
	{
		Name: "text-recipients-per-message", Class: ClassTooManyRecipients,
		Contains: []string{
			"too many rcpt", "too many to recipients", "too many recipient", "too much recipients",
			"too many envelope recipients", "too many destination", "recipients per message", "recipient per message",
			"recipients per mail", "recipients per email", "recipients per transaction", "recipients per envelope",
			"recipients in one message", "maximum recipients", "max recipients", "number of recipients exceed",
			"recipients exceeded", "recipients exceeds", "max of*recipients", "max*of recipients", "limit of*recipients",
			"max rcpt", "rcpt limit", "recipient limit", "recipients limit", "reciplimit", "recipient count",
			"one recipient allowed", "one recipient at a time", "only one recipient", "recipients reached",
			"recipients allowed", "multiple destination domains", "policy size per transaction",
			"recipient in a separate transaction", "trop de destinataires", "zu viele empf", "demasiados destinatarios",
		},
		Matches: []string{
			"452 4.5.3 Error: too many recipients",
			"550 5.5.3 Maximum recipients is 50",
			"452 Only one recipient at a time",
		},
		Rejects: []string{"550 too many invalid recipients", "550 Recipient unknown"},
	},
	{
		Name: "text-unusual-rate", Class: ClassRateLimited,
		Contains: []string{
			"unusual rate", "unusual amount", "unusually high", "unusual volume", "unusual number of", "high volume of",
			"sudden increase", "excessive volume", "exceeded the quota for sending messages",
		},
		Matches: []string{
			"421 4.7.28 We see an unusual rate of mail from your address",
			"550 5.7.1 An unusually high number of messages",
		},
		Rejects: []string{"421 4.7.0 unexpected volume or user complaints", "550 unusual header"},
	},
}
