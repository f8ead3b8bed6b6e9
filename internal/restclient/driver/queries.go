package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	rest "github.com/waybill-dev/waybill/internal/restclient/driver/epcisrest"
)

func (d *driver) queries(ctx context.Context) error {
	name := "gate-" + d.run
	definition := rest.QueryDefinition{Name: name, Query: rest.EPCISEventsQuery{
		"eventType": []string{"ObjectEvent"}, "EQ_readPoint": []string{d.place("gate")}, "EQ_bizStep": []string{"shipping"},
	}}
	for _, want := range []int{http.StatusCreated, http.StatusConflict} {
		r, err := d.api.PostQueriesWithResponse(ctx, &rest.PostQueriesParams{}, definition)
		if err != nil {
			return err
		}
		if err = answered("POST /queries", r.HTTPResponse, r.Body, want); err != nil {
			return err
		}
	}
	list, err := d.api.GetQueriesWithResponse(ctx, &rest.GetQueriesParams{PerPage: ptr(100)})
	if err != nil {
		return err
	}
	if err = answered("GET /queries", list.HTTPResponse, list.Body, http.StatusOK); err != nil {
		return err
	}
	there := false
	for _, q := range *list.JSON200 {
		there = there || q.Name == name
	}
	one, err := d.api.GetQueriesQueryNameWithResponse(ctx, name, &rest.GetQueriesQueryNameParams{})
	if err != nil {
		return err
	}
	if err = answered("GET /queries/{queryName}", one.HTTPResponse, one.Body, http.StatusOK); err != nil {
		return err
	}
	if !there || len(*one.JSON200) != 1 || fmt.Sprint((*one.JSON200)[0].Query["EQ_bizStep"]) != "[shipping]" {
		return fmt.Errorf("the query is not as it was sent: %s", one.Body)
	}
	got := 0
	p := &rest.GetQueriesQueryNameEventsParams{PerPage: ptr(4)}
	for {
		r, err := d.api.GetQueriesQueryNameEventsWithResponse(ctx, name, p)
		if err != nil {
			return err
		}
		if err = answered("GET /queries/{queryName}/events", r.HTTPResponse, r.Body, http.StatusOK); err != nil {
			return err
		}
		if r.JSON200.EpcisBody.QueryResults.QueryName != name {
			return fmt.Errorf("results of the query %q", r.JSON200.EpcisBody.QueryResults.QueryName)
		}
		got += len(r.JSON200.EpcisBody.QueryResults.ResultsBody.EventList)
		if p.NextPageToken = next(r.HTTPResponse); p.NextPageToken == nil {
			break
		}
	}
	if got != 9 {
		return fmt.Errorf("%d events of the named query, want 9", got)
	}
	return nil
}

// received is a report that came to the webhook.
type received struct {
	signature string
	body      []byte
}

func (d *driver) subscriptions(ctx context.Context) error {
	name := "gate-" + d.run
	reports := make(chan received, 16)
	dest := "https://reports.example.com/" + d.run
	if d.receive {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		var wg sync.WaitGroup
		hook := &http.Server{ReadHeaderTimeout: 5 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
			if err != nil {
				return
			}
			select {
			case reports <- received{r.Header.Get("GS1-Signature"), body}:
			default:
			}
			w.WriteHeader(http.StatusNoContent)
		})}
		wg.Go(func() { _ = hook.Serve(l) })
		defer wg.Wait()
		defer hook.Close()
		dest = "http://" + l.Addr().String() + "/reports"
	}
	const secret = "13df38d8275b13f05704629e5f1cf3d45d6132d5"
	// The generated type of this body leaves out the members that a choice gives it.
	body := fmt.Sprintf(`{"dest":%q,"signatureToken":%q,"initialRecordTime":%q,"stream":true,"reportIfEmpty":false}`, dest, secret, d.began.Format(time.RFC3339))
	made, err := d.api.PostQueriesQueryNameSubscriptionsWithBodyWithResponse(ctx, name, &rest.PostQueriesQueryNameSubscriptionsParams{}, "application/json", strings.NewReader(body))
	if err != nil {
		return err
	}
	if err = answered("POST …/subscriptions", made.HTTPResponse, made.Body, http.StatusCreated); err != nil {
		return err
	}
	id := string(made.JSON201.SubscriptionID)
	list, err := d.api.GetQueriesQueryNameSubscriptionsWithResponse(ctx, name, &rest.GetQueriesQueryNameSubscriptionsParams{})
	if err != nil {
		return err
	}
	if err = answered("GET …/subscriptions", list.HTTPResponse, list.Body, http.StatusOK); err != nil {
		return err
	}
	if len(*list.JSON200) != 1 || strings.Contains(string(list.Body), secret) {
		return fmt.Errorf("subscriptions: %s", list.Body)
	}
	for got := 0; d.receive && got < 9; {
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d of 9 events reported: %w", got, ctx.Err())
		case r := <-reports:
			t, v, _ := strings.Cut(strings.TrimPrefix(r.signature, "t="), ",v1=")
			m := hmac.New(sha256.New, []byte(secret))
			m.Write([]byte(t + "."))
			m.Write(r.body)
			if hex.EncodeToString(m.Sum(nil)) != v {
				return fmt.Errorf("a report is signed %q", r.signature)
			}
			var doc rest.EpcisQueryDocument
			if err := json.Unmarshal(r.body, &doc); err != nil {
				return err
			}
			if s := doc.EpcisBody.QueryResults.SubscriptionID; s == nil || *s != id {
				return fmt.Errorf("a report of another subscription: %.300s", r.body)
			}
			got += len(doc.EpcisBody.QueryResults.ResultsBody.EventList)
		}
	}
	one, err := d.api.GetQueriesQueryNameSubscriptionsSubscriptionIDWithResponse(ctx, name, id, &rest.GetQueriesQueryNameSubscriptionsSubscriptionIDParams{})
	if err != nil {
		return err
	}
	if err = answered("GET …/subscriptions/{subscriptionID}", one.HTTPResponse, one.Body, http.StatusOK); err != nil {
		return err
	}
	for _, want := range []int{http.StatusNoContent, http.StatusNotFound} {
		r, err := d.api.UnsubscribeWithResponse(ctx, name, id)
		if err != nil {
			return err
		}
		if err = answered("DELETE …/subscriptions/{subscriptionID}", r.HTTPResponse, r.Body, want); err != nil {
			return err
		}
	}
	for _, want := range []int{http.StatusNoContent, http.StatusNotFound} {
		r, err := d.api.DeleteQueriesQueryNameWithResponse(ctx, name)
		if err != nil {
			return err
		}
		if err = answered("DELETE /queries/{queryName}", r.HTTPResponse, r.Body, want); err != nil {
			return err
		}
	}
	return nil
}
