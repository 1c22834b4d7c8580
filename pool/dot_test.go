package pool

import (
	"errors"
	"testing"

	"github.com/smtpace/smtpace/classify"
)

// TestOnlyADotWithAnEnvelopeBehindTeachesOfRiding: a dot that is not answered stops what
// rides behind the next dots only if something rode behind it.
func TestOnlyADotWithAnEnvelopeBehindTeachesOfRiding(t *testing.T) {
	for _, tt := range []struct {
		name   string
		rides  bool
		reply  *classify.Reply
		alone  bool  // whether the next dot goes alone
		riding int64 // rides that count as well
	}{
		{"lost, something rode", true, nil, true, 0},
		{"lost, nothing rode", false, nil, false, 0},
		{"accepted, something rode", true, classify.NewReply(250, "2.0.0 ok"), false, 1},
		{"accepted, nothing rode", false, classify.NewReply(250, "2.0.0 ok"), false, 0},
		{"refused, something rode", true, classify.NewReply(550, "5.7.1 spam"), false, 1},
		{"refused, nothing rode", false, classify.NewReply(550, "5.7.1 spam"), false, 0},
	} {
		q := &quirks{}
		q.riding.next.Store(2 * firstAlone) // rides are counted
		s := newSession(Endpoint{Addr: "mx.test:25"}, Config{Classifier: &classify.Classifier{}}, q, nil)
		s.wire = &wire{}
		d := &Delivery{From: "a@b.test", To: []string{"c@d.test"}}
		err := error(nil)
		if tt.reply == nil {
			err = errors.New("connection lost")
		}
		s.newTransaction(d, nil).answered(tt.rides, tt.reply, err)
		if alone := !q.riding.allowed(); alone != tt.alone || q.riding.well.Load() != tt.riding {
			t.Errorf("%s: the next dot goes alone: %v, %d rides; want %v, %d", tt.name, alone, q.riding.well.Load(), tt.alone, tt.riding)
		}
	}
}
