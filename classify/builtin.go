package classify

import (
	"slices"
)

// builtIn returns the built-in rules in the order in which they are asked. A text
// outranks an enhanced code, and an enhanced code outranks a code, because texts
// are the most exact: one 550 5.7.1 stands for a dozen different things.
//
// The texts are families of wordings of known servers, ordered by how certain a
// wording is. The rules that say what words mean (sensetexts.go) stand where no text
// is more exact. Limits come first: a message that came too fast was not judged,
// whatever the code. "Try again later" and "policy" come last, as many servers put
// them in front of anything.
func builtIn() []Rule {
	return slices.Concat(
		limitTexts, reasonTexts, exchangeRules, limitSenses, countTexts, rateTexts, addressTexts, senderTexts, contentTexts, recipientTexts, serverTexts,
		meaningSenses, earlySenses, vagueTexts, enhancedRules, policyTexts, catchAll, codeRules,
	)
}

// codeRules are the meanings of RFC 5321 4.2.3 and of the extensions, by the
// command that was answered.
var codeRules = []Rule{
	{
		Name: "code-out-of-sequence", Class: ClassProtocol, Codes: []int{503},
		Matches: []string{"503 no"}, Rejects: []string{"502 no"},
	},
	{ // RFC 4954 6
		Name: "code-login", Class: ClassSMTPAuth, Codes: []int{530, 534, 535},
		Matches: []string{"535 no"}, Rejects: []string{"538 no"},
	},
	{ // RFC 2554: the mechanism needs encryption
		Name: "code-needs-encryption", Class: ClassTLS, Codes: []int{538},
		Matches: []string{"538 no"}, Rejects: []string{"535 no"},
	},
	{ // RFC 7504
		Name: "code-takes-no-mail", Class: ClassBadDomain, weak: true, Codes: []int{521, 556},
		Matches: []string{"556 no"}, Rejects: []string{"554 no"},
	},
	{
		Name: "code-starttls", Class: ClassTLS, Codes: []int{420, 430, 431, 450, 451, 454, 5}, Stages: []Stage{StageStartTLS},
		Matches: []string{"454 no"}, Rejects: []string{"421 no"},
	},
	{
		Name: "code-auth", Class: ClassSMTPAuth, Codes: []int{430, 431, 432, 435, 450, 451, 454, 5}, Stages: []Stage{StageAuth},
		Matches: []string{"432 no"}, Rejects: []string{"421 no"},
	},
	{
		Name: "code-closing", Class: ClassServerBusy, Codes: []int{421}, vague: true, weak: true,
		Matches: []string{"421 no"}, Rejects: []string{"450 no"},
	},
	{
		Name: "code-local-error", Class: ClassServerBusy, weak: true, Codes: []int{451, 454},
		Matches: []string{"451 no"}, Rejects: []string{"450 no"},
	},
	{ // to RCPT also too many, which the caller can tell by their number
		Name: "code-storage", Class: ClassInsufficientStorage, Codes: []int{452},
		Matches: []string{"452 no"}, Rejects: []string{"552 no"},
	},
	{
		Name: "code-protocol", Class: ClassProtocol, weak: true, Codes: []int{455, 500, 501, 502, 504, 555},
		Matches: []string{"500 no"}, Rejects: []string{"554 no"},
	},
	{
		Name: "code-unwelcome", Class: ClassIPReputation, Codes: []int{554}, Stages: []Stage{StageConnect, StageBanner, StageEHLO},
		Matches: []string{"554 no"}, Rejects: []string{"550 no"},
	},
	{
		Name: "code-security", Class: ClassPolicy, weak: true, Enhanced: []string{"x.7.x"},
		Matches: []string{"550 5.7.1 no"}, Rejects: []string{"550 5.6.0 no"},
	},
	{
		Name: "code-recipient", Class: ClassBadMailbox, Codes: []int{550, 551, 553}, Stages: []Stage{StageRcpt},
		Matches: []string{"550 no"}, Rejects: []string{"554 no"},
	},
	{
		Name: "code-recipient-full", Class: ClassMailboxFull, Codes: []int{552}, Stages: []Stage{StageRcpt},
		Matches: []string{"552 no"}, Rejects: []string{"550 no"},
	},
	{
		Name: "code-too-large", Class: ClassMessageTooLarge, Codes: []int{552}, Stages: []Stage{StageMail, StageData, StageBody, StageDot},
		Matches: []string{"552 no"}, Rejects: []string{"554 no"},
	},
	{
		Name: "code-message", Class: ClassContentRejected, Codes: []int{554}, Stages: []Stage{StageDot},
		Matches: []string{"554 no"}, Rejects: []string{"550 no"},
	},
	{
		Name: "code-refused-early", Class: ClassPolicy, weak: true, Codes: []int{5}, Stages: []Stage{StageConnect, StageBanner, StageEHLO, StageMail},
		Matches: []string{"550 no"}, Rejects: []string{"450 no"},
	},
}
