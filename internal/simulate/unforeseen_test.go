package simulate

import (
	"strings"
	"testing"
	"time"
)

// TestUnforeseenReceiversStarveNobody: of the receivers that once brought the mail to
// a standstill, each gets most of what it allows, and refuses little beyond what it
// refuses whoever sends. The bounds are looser than the goals, for one seed is played.
func TestUnforeseenReceiversStarveNobody(t *testing.T) {
	if shortLength < time.Minute {
		t.Skip("the race detector is on")
	}
	bounds := map[string]Goals{
		"noise: 0.5 % of MAIL":                                       {Refused: 0.01, Goodput: 0.7},
		"noise: 2 % of MAIL":                                         {Refused: 0.03, Goodput: 0.7},
		"noise: 10 % of MAIL":                                        {Refused: 0.13, Goodput: 0.4},
		"noise: 2 % of RCPT":                                         {Refused: 0.03, Goodput: 0.7},
		"noise: 2 % of MAIL, and 50/s":                               {Refused: 0.06, Goodput: 0.8},
		"noise: 10 % of MAIL, and 50/s":                              {Refused: 0.16, Goodput: 0.7},
		"50/s, 0.2 % of messages take a minute at the dot":           {Refused: 0.03, Goodput: 0.85},
		"relay, 3 of 20 domains at 2/s":                              {Refused: 0.01, Goodput: 0.9},
		"relay, 8 of 20 domains at 2/s":                              {Refused: 0.01, Goodput: 0.85},
		"relay, 3 of 20 domains at 100 an hour":                      {Refused: 0.01, Goodput: 0.9},
		"relay at 50/s that refuses at RCPT, 20 domains":             {Refused: 0.02, Goodput: 0.9},
		"1 of 10 sender domains at 2/s":                              {Refused: 0.01, Goodput: 0.9},
		"3 of 10 sender domains at 2/s":                              {Refused: 0.01, Goodput: 0.85},
		"50/s, 1 of 10 sender domains has nearly all mail":           {Refused: 0.02, Goodput: 0.9},
		"6 MB a minute, messages of 5 KB to 2 MB, told without":      {Refused: 0.04, Goodput: 0.8},
		"6 connections a minute (reset), 20 messages each":           {Refused: 0.03, Goodput: 0.85},
		"20/s shared with others who use 2 to 18/s":                  {Refused: 0.05, Goodput: 0.6},
		"4 hosts behind one name, each 10/s":                         {Refused: 0.05, Goodput: 0.55},
		"2 hosts behind one name, each 30/s":                         {Refused: 0.03, Goodput: 0.6},
		"2/s on each connection":                                     {Refused: 0.03, Goodput: 0.95},
		"1/s on each connection, refused at RCPT":                    {Refused: 0.03, Goodput: 0.95},
		"5/s on each connection, told without a reason":              {Refused: 0.05, Goodput: 0.9},
		"burst 5000, then 2/s":                                       {Refused: 0.01, Goodput: 0.95},
		"300 a minute, then 10 min of 450":                           {Refused: 0.02, Goodput: 0.7},
		"300 a minute, then 421 without a reason for 20 min,":        {Refused: 0.01, Goodput: 0.5},
		"300 a minute, then 20 min of 451 without a reason":          {Refused: 0.01, Goodput: 0.5},
		"2/s burst 5, then 4 h of 450, extended by each try":         {Refused: 0.01, Goodput: 0.5, Leaves: true},
		"one message a connection,":                                  {Refused: 0.01, Goodput: 0.9},
		"40 messages per connection, 15 after 5 min":                 {Refused: 0.01, Goodput: 0.9},
		"connections end at random, 2 % of MAIL":                     {Refused: 0.03, Goodput: 0.85},
		"too much mail, said for 3 min":                              {Refused: 0.01, Goodput: 0.5},
		"too much mail, said for the first 3 min":                    {Refused: 0.01, Goodput: 0.9},
		"20/s burst 1, round trip 10ms":                              {Refused: 0.01, Goodput: 0.9},
		"20/s, and what is refused counts as well":                   {Refused: 0.02, Goodput: 0.9},
		"20/s told by a 550 that means later":                        {Refused: 0.02, Goodput: 0.9},
		"20/s told as too many connections at MAIL":                  {Refused: 0.02, Goodput: 0.9},
		"20/s told as too many recipients of a message":              {Refused: 0.02, Goodput: 0.9},
		"20/s for the account, refused at RCPT":                      {Refused: 0.02, Goodput: 0.9},
		"1/s, doubled every 5 min up to 64/s":                        {Refused: 0.02, Goodput: 0.9},
		"500 a fixed 10 min":                                         {Refused: 0.02, Goodput: 0.85},
		"3600 a fixed hour, told as a quota":                         {Refused: 0.02, Goodput: 0.9},
		"30 a sliding minute, says when it ends":                     {Refused: 0.03, Goodput: 0.9},
		"10 an hour burst 50":                                        {Refused: 0.06, Goodput: 0.9},
		"10 an hour burst 50, says when it has the next":             {Refused: 0.06, Goodput: 0.9},
		"5 connections, each counts for a minute after its end,":     {Refused: 0.05, Goodput: 0.7},
		"noise: 20 % of RCPT":                                        {Refused: 0.25, Goodput: 0.4},
		"200 a sliding 2 min":                                        {Refused: 0.03, Goodput: 0.93},
		"500 a sliding 10 min":                                       {Refused: 0.03, Goodput: 0.9},
		"2000 a sliding 6 h":                                         {Refused: 0.03, Goodput: 0.88},
		"tarpit, 20s above 1/s":                                      {Goodput: 0.85},
		"tarpit, 3s above 40/s":                                      {Goodput: 0.85},
		"a third takes 2 s at the dot":                               {Goodput: 0.85},
		"10 s of each minute answer after 3 s":                       {Goodput: 0.9},
		"200 recipients a minute burst 30, 421, 20 recipients each":  {Refused: 0.04, Goodput: 0.8},
		"1000 recipients a minute burst 10, 421, 20 recipients each": {Refused: 0.03, Goodput: 0.85},
	}
	for _, sc := range Unforeseen() {
		t.Run(sc.Name, func(t *testing.T) {
			t.Parallel()
			if err := sc.validate(); err != nil {
				t.Fatal(err)
			}
			for name, goals := range bounds {
				if sc.Name != name && !(strings.HasSuffix(name, ",") && strings.HasPrefix(sc.Name, name)) {
					continue
				}
				if strings.HasSuffix(name, "100 an hour") { // a day of it is long for a test
					sc.Length = 3 * time.Hour
				}
				s, err := sc.Score(Paced, 1)
				if err != nil {
					t.Fatal(err)
				}
				for _, miss := range goals.Misses(s) {
					t.Error(miss)
				}
			}
		})
	}
}
