package classify

import (
	"fmt"
	"testing"
)

// TestCodesOfOurSession: where the words say little, 503, 530, 534, 535 and 538 speak of the
// session, and refuse nobody. With words about the recipient only 503 and 535 do.
func TestCodesOfOurSession(t *testing.T) {
	for code := 500; code <= 599; code++ {
		for text, ours := range map[string]map[int]bool{
			"5.7.1 refused by policy":          {503: true, 530: true, 534: true, 535: true, 538: true},
			"5.5.2 syntax error in parameters": {503: true, 530: true, 534: true, 535: true, 538: true},
			"5.1.1 no such user here":          {503: true, 535: true},
		} {
			r, err := ParseReply(fmt.Sprint(code, " ", text))
			if err != nil {
				t.Fatal(err)
			}
			if v := Of(StageRcpt, r); (v.Recipient == RecipientLater) != ours[code] {
				t.Errorf("%v: %v, %v by %s", r, v.Recipient, v.Class, v.Rule)
			}
		}
	}
}
