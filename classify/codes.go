package classify

// enhancedCodes are the meanings of RFC 3463 and of IANA's registry of enhanced
// status codes, where the text said nothing.
var enhancedCodes = []rule{
	{enhanced: ".1.0", code: 5, stages: at(StageRcpt), class: BadMailbox},
	{enhanced: ".1.1", class: BadMailbox},
	{enhanced: ".1.2", class: BadDomain},
	{enhanced: ".1.3", class: BadMailbox},
	{enhanced: ".1.6", class: BadMailbox},
	{enhanced: ".1.7", class: DNSSender},
	{enhanced: ".1.8", class: DNSSender},
	{enhanced: ".1.10", class: BadDomain}, // null MX (RFC 7505)

	// A 4yz of an inactive mailbox is hardly ever one: Gmail says so of a
	// mailbox that gets mail too fast.
	{enhanced: ".2.1", code: 4, stages: at(StageRcpt, StageDot), class: RecipientRateLimited, limit: LimitMailboxRate},
	{enhanced: ".2.1", code: 5, class: MailboxDisabled},
	{enhanced: ".2.2", class: MailboxFull},
	{enhanced: ".2.3", class: MessageTooLarge},
	{enhanced: ".2.121", class: RecipientRateLimited, limit: LimitMailboxRate}, // Exchange Online, also as 554
	{enhanced: ".2.122", class: RecipientRateLimited, limit: LimitMailboxRate},

	{enhanced: ".3.0", class: ServerBusy},
	{enhanced: ".3.1", class: InsufficientStorage},
	{enhanced: ".3.2", class: ServerBusy},
	{enhanced: ".3.4", class: MessageTooLarge},
	{enhanced: ".3.5", class: ServerBusy},

	{enhanced: ".4.1", class: Network},
	{enhanced: ".4.2", class: Network},
	{enhanced: ".4.3", class: ServerBusy},
	{enhanced: ".4.4", code: 5, class: BadDomain},
	{enhanced: ".4.4", class: ServerBusy},
	{enhanced: ".4.5", code: 5, class: RateLimited, limit: LimitQuota}, // Google, the day's sum
	{enhanced: ".4.5", class: ServerBusy},
	{enhanced: ".4.6", class: Loop},

	{enhanced: ".5.3", class: TooManyRecipients, limit: LimitRecipientsPerMessage},
	{enhanced: ".5.", class: Protocol},

	{enhanced: ".6.", class: ContentRejected},

	{enhanced: ".7.7", class: ContentRejected},
	{enhanced: ".7.8", class: SMTPAuth, later: true}, // RFC 4954 6
	{enhanced: ".7.10", class: TLS},
	{enhanced: ".7.13", class: MailboxDisabled}, // RFC 5248
	{enhanced: ".7.20", class: SenderAuth},      // .20 to .24, .26: RFC 7372
	{enhanced: ".7.21", class: SenderAuth},
	{enhanced: ".7.22", class: SenderAuth},
	{enhanced: ".7.23", class: SenderAuth},
	{enhanced: ".7.24", class: SenderAuth},
	{enhanced: ".7.25", class: DNSSender},
	{enhanced: ".7.26", class: SenderAuth},
	{enhanced: ".7.27", class: DNSSender}, // RFC 7505
	{enhanced: ".7.28", class: RateLimited, limit: LimitMessageRate},
	{enhanced: ".7.30", class: TLS}, // RFC 8689
}

// codes are the meanings of RFC 5321 4.2.3 and of the extensions, by the
// command that was answered.
var codes = []rule{
	{code: 503, class: Protocol},
	{code: 530, class: SMTPAuth}, // RFC 4954 6
	{code: 534, class: SMTPAuth},
	{code: 535, class: SMTPAuth},
	{code: 538, class: TLS},       // RFC 2554: the mechanism needs encryption
	{code: 521, class: BadDomain}, // RFC 7504
	{code: 556, class: BadDomain},

	{stages: at(StageStartTLS), class: TLS},
	{stages: at(StageAuth), class: SMTPAuth},

	{code: 421, class: ServerBusy},
	{code: 451, class: ServerBusy},
	{code: 452, class: InsufficientStorage}, // to RCPT also too many, which the caller can tell by their number
	{code: 454, class: ServerBusy},
	{code: 455, class: Protocol},

	{code: 500, class: Protocol},
	{code: 501, class: Protocol},
	{code: 502, class: Protocol},
	{code: 504, class: Protocol},
	{code: 555, class: Protocol},

	{enhanced: ".7.", class: Policy},
	{code: 550, stages: at(StageRcpt), class: BadMailbox},
	{code: 551, stages: at(StageRcpt), class: BadMailbox},
	{code: 552, stages: at(StageRcpt), class: MailboxFull},
	{code: 552, class: MessageTooLarge},
	{code: 553, stages: at(StageRcpt), class: BadMailbox},
	{code: 554, stages: at(StageConnect, StageBanner, StageEHLO), class: IPReputation},
	{code: 554, stages: at(StageDot), class: ContentRejected},
	{code: 5, stages: at(StageConnect, StageBanner, StageEHLO, StageMail), class: Policy},
	{class: Unknown},
}
