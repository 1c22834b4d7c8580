package classify

import "testing"

// Whose limit it is follows from the words for who has exceeded it.
func TestScopeOfALimitOverTime(t *testing.T) {
	for reply, want := range map[string]Scope{
		"550 5.7.1 Your account has exceeded its daily sending limit":                  ScopeAccount,
		"554 5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException":     ScopeAccount,
		"550 User has exceeded outgoing email quota":                                   ScopeAccount,
		"450 4.7.1 Per-user hourly limit reached":                                      ScopeAccount,
		"451 4.3.0 You have reached the maximum number of sent emails within 24-hours": ScopeAccount,
		"450 4.7.1 Maximum messages per sender per hour exceeded":                      ScopeSender,
		"452 4.7.1 Rate limit for sender a@example.com exceeded":                       ScopeSender,
		"550 Domain example.com has exceeded the max emails per hour (300/300 (100%))": ScopeSenderDomain,
		"450 4.7.1 Error: too much mail from 192.0.2.9":                                ScopeSource,
		"450 4.7.1 192.0.2.9: daily data volume of your account exceeded":              ScopeSource,
		"421 4.7.28 Your IP address has sent an unusual rate of mail, limit exceeded":  ScopeSource,
		"421 4.7.0 Slow down": ScopeSource,
		"450 4.2.1 The user you are trying to contact is receiving mail too quickly":      ScopeRecipient,
		"421 4.7.0 Too many connections from 192.0.2.9":                                   ScopeSource,
		"535 5.7.8 Authentication failed":                                                 ScopeAccount,
		"550 5.7.232 Your message can't be sent, the tenant has exceeded its daily limit": ScopeAccount,
	} {
		r, err := ParseReply(reply)
		if err != nil {
			t.Fatal(err)
		}
		if v := Of(StageRcpt, r); v.Scope != want || v.Recipient != RecipientLater {
			t.Errorf("%q: scope %v, %v by %s, want %v", reply, v.Scope, v.Recipient, v.Rule, want)
		}
	}
}
