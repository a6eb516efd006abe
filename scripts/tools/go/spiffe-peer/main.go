// Command spiffe-peer is a federation peer for tests: a client and a server of SPIFFE bundles, by go-spiffe.
package main

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/spiffe/go-spiffe/v2/bundle/spiffebundle"
	"github.com/spiffe/go-spiffe/v2/federation"
	"github.com/spiffe/go-spiffe/v2/spiffeid"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 0 {
		return errors.New("usage: spiffe-peer fetch|watch|serve [flags]")
	}
	flags := flag.NewFlagSet(args[0], flag.ContinueOnError)
	domain := flags.String("trust-domain", "", "trust domain of the bundle")
	switch args[0] {
	case "fetch", "watch":
		return consume(args, flags, domain)
	case "serve":
		return serve(args, flags, domain)
	}
	return fmt.Errorf("unknown command %s", args[0])
}

// consume fetches a bundle once, or again and again, and prints each as a line of JSON.
func consume(args []string, flags *flag.FlagSet, domain *string) error {
	url := flags.String("url", "", "address of the bundle")
	webCA := flags.String("web-ca", "", "https_web: PEM file of CAs")
	endpointID := flags.String("endpoint-id", "", "https_spiffe: SPIFFE ID of the endpoint")
	bundle := flags.String("bundle", "", "https_spiffe: first bundle of the trust domain of the endpoint, as SPIFFE JSON")
	interval := flags.Duration("interval", time.Second, "watch: time between two fetches")
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	td, err := spiffeid.TrustDomainFromString(*domain)
	if err != nil {
		return err
	}
	// The latest bundle of the endpoint's own trust domain authenticates it.
	known := spiffebundle.NewSet()
	option, err := authentication(known, *webCA, *endpointID, *bundle)
	if err != nil {
		return err
	}
	if args[0] == "watch" {
		return federation.WatchBundle(context.Background(), td, *url, &watcher{known: known, interval: *interval}, option)
	}
	fetched, err := federation.FetchBundle(context.Background(), td, *url, option)
	if err != nil {
		return err
	}
	return write(fetched)
}

func authentication(known *spiffebundle.Set, webCA, endpointID, bundle string) (federation.FetchOption, error) {
	if endpointID == "" {
		pem, err := os.ReadFile(webCA)
		if err != nil {
			return nil, err
		}
		roots := x509.NewCertPool()
		if !roots.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s has no certificate", webCA)
		}
		return federation.WithWebPKIRoots(roots), nil
	}
	id, err := spiffeid.FromString(endpointID)
	if err != nil {
		return nil, err
	}
	first, err := spiffebundle.Load(id.TrustDomain(), bundle)
	if err != nil {
		return nil, err
	}
	known.Add(first)
	return federation.WithSPIFFEAuth(known, id), nil
}

type watcher struct {
	known    *spiffebundle.Set
	interval time.Duration
}

func (w *watcher) NextRefresh(time.Duration) time.Duration { return w.interval }

func (w *watcher) OnUpdate(bundle *spiffebundle.Bundle) {
	w.known.Add(bundle)
	if err := write(bundle); err != nil {
		panic(err)
	}
}

func (w *watcher) OnError(err error) {
	line, _ := json.Marshal(map[string]string{"error": err.Error()})
	fmt.Println(string(line))
}

func write(bundle *spiffebundle.Bundle) error {
	out := struct {
		Sequence       *uint64  `json:"sequence,omitempty"`
		RefreshSeconds *float64 `json:"refreshSeconds,omitempty"`
		// DER, as base64.
		Authorities []string `json:"authorities"`
	}{Authorities: []string{}}
	if sequence, ok := bundle.SequenceNumber(); ok {
		out.Sequence = &sequence
	}
	if hint, ok := bundle.RefreshHint(); ok {
		seconds := hint.Seconds()
		out.RefreshSeconds = &seconds
	}
	for _, authority := range bundle.X509Authorities() {
		out.Authorities = append(out.Authorities, base64.StdEncoding.EncodeToString(authority.Raw))
	}
	line, err := json.Marshal(out)
	if err == nil {
		fmt.Println(string(line))
	}
	return err
}

// serve publishes a bundle, which it reads from its file for each request, and prints its address.
func serve(args []string, flags *flag.FlagSet, domain *string) error {
	listen := flags.String("listen", "127.0.0.1:0", "address")
	bundle := flags.String("bundle", "", "the bundle, as SPIFFE JSON")
	cert := flags.String("cert", "", "certificate chain (PEM)")
	key := flags.String("key", "", "private key (PEM)")
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	td, err := spiffeid.TrustDomainFromString(*domain)
	if err != nil {
		return err
	}
	handler, err := federation.NewHandler(td, source(*bundle))
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		return err
	}
	fmt.Println(listener.Addr())
	return http.ServeTLS(listener, handler, *cert, *key)
}

type source string

func (path source) GetBundleForTrustDomain(td spiffeid.TrustDomain) (*spiffebundle.Bundle, error) {
	return spiffebundle.Load(td, string(path))
}
