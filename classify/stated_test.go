package classify

import "testing"

func TestStatedRecipients(t *testing.T) {
	for _, tt := range []struct {
		reply string
		want  int
	}{
		{"554 Transaction failed: Recipient count exceeds 50.", 50},
		{"452 4.5.3 max of 100 recipients reached", 100},
		{"452 4.5.3 only one recipient allowed without spf pass", 1},
		{"452 Only one recipient at a time", 1},
		{"550 5.5.3 Maximum recipients is 50", 50},
		{"550 5.5.3 Too many recipients: 120 recipients, the limit is 100", 100},
		{"550 5.5.3 Too many recipients (120), max 50", 50},
		{"550 Too many recipients. Your message has 120 recipients, at most 25 recipients per message", 25},
		{"452 4.5.3 Too many recipients, limit=20", 20},
		{"452 too many recipients, no more than 5 per message", 5},
		{"452 Too many recipients: limited to 10/message", 10},
		{"550 5.5.3 number of recipients exceeds the maximum allowed number of recipients per message of 30", 30},
		{"452 too many recipients; 40 recipients allowed", 40},

		{"452 4.5.3 Too many recipients", 0},
		{"452 4.5.3 Error: too many recipients (#5.7.1)", 0},
		{"452 too many recipients, message has 120 recipients", 0},
		{"452 too many recipients, try again in 5 minutes", 0},
		{"452 too many recipients, limit 5 minutes", 0},
		{"452 too many recipients, limit 999999999999", 0},
		{"450 4.7.1 too much mail, at most 50 recipients", 0}, // another limit
	} {
		r, err := ParseReply(tt.reply)
		if err != nil {
			t.Fatal(err)
		}
		if v := Of(StageDot, r); v.Stated.Count != tt.want {
			t.Errorf("%q states %+v (%v), want %d", tt.reply, v.Stated, v.Limit, tt.want)
		}
	}
}
