package httppace_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/smtpace/smtpace"
	"github.com/smtpace/smtpace/httppace"
)

// A mail service answers 429 once, with the time to wait, and takes the message then.
func ExampleCheck() {
	asked := false
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if !asked {
			asked = true
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
		}
	}))
	defer service.Close()
	pacer, err := smtpace.NewPacer(smtpace.PacerConfig{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer pacer.Close()

	send := func(context.Context, []string) error {
		resp, err := http.Post(service.URL, "application/json", strings.NewReader(`{"to": "ann@example.com"}`))
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		return httppace.Check(resp)
	}
	fmt.Println(pacer.DoRequest(context.Background(), smtpace.PaceRequest{To: []string{"ann@example.com"}, Relay: "api.example"}, send))
	// Output: <nil>
}
