// A control plane as go-control-plane makes it easiest: its stock server over a LinearCache of Secrets, on an
// address of the system's choice. Secrets are set by `PUT /<name>` with the encoded message. A LinearCache does
// not implement Fetch; `-cache snapshot` serves the same secrets from a SnapshotCache, which does.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	secretservice "github.com/envoyproxy/go-control-plane/envoy/service/secret/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	"github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"github.com/envoyproxy/go-control-plane/pkg/server/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/reflection"
	"google.golang.org/protobuf/proto"
)

// Longer than what a benchmark sends.
const maxSecretBytes = 16 << 20

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "where proxies connect")
	control := flag.String("control", "127.0.0.1:0", "where secrets are set")
	kind := flag.String("cache", "linear", "linear or snapshot")
	certFile := flag.String("tls-cert", "", "PEM file of the server certificate; plain text without it")
	keyFile := flag.String("tls-key", "", "PEM file of its private key")
	clientCAFile := flag.String("tls-client-ca", "", "PEM file of the CA of client certificates; none are required without it")
	flag.Parse()

	secrets, set := newCache(*kind)
	xds := server.NewServer(context.Background(), secrets, nil)
	grpcServer := grpc.NewServer(transportOptions(*certFile, *keyFile, *clientCAFile)...)
	discovery.RegisterAggregatedDiscoveryServiceServer(grpcServer, xds)
	secretservice.RegisterSecretDiscoveryServiceServer(grpcServer, xds)
	// For ghz, which asks for the messages.
	reflection.Register(grpcServer)

	http.HandleFunc("PUT /{name}", func(response http.ResponseWriter, request *http.Request) {
		body, err := io.ReadAll(io.LimitReader(request.Body, maxSecretBytes))
		if err != nil {
			http.Error(response, err.Error(), http.StatusBadRequest)
			return
		}
		secret := &tlsv3.Secret{}
		if err := proto.Unmarshal(body, secret); err != nil {
			http.Error(response, err.Error(), http.StatusBadRequest)
			return
		}
		secret.Name = request.PathValue("name")
		if err := set(secret); err != nil {
			http.Error(response, err.Error(), http.StatusInternalServerError)
		}
	})

	xdsListener := mustListen(*listen)
	controlListener := mustListen(*control)
	fmt.Printf("{\"xds\":%q,\"control\":%q}\n", xdsListener.Addr(), controlListener.Addr())
	go func() { log.Fatal(http.Serve(controlListener, nil)) }()
	log.Fatal(grpcServer.Serve(xdsListener))
}

func transportOptions(certFile, keyFile, clientCAFile string) []grpc.ServerOption {
	if certFile == "" {
		return nil
	}
	certificate, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		log.Fatal(err)
	}
	config := &tls.Config{Certificates: []tls.Certificate{certificate}}
	if clientCAFile != "" {
		pem, err := os.ReadFile(clientCAFile)
		if err != nil {
			log.Fatal(err)
		}
		config.ClientAuth = tls.RequireAndVerifyClientCert
		config.ClientCAs = x509.NewCertPool()
		if !config.ClientCAs.AppendCertsFromPEM(pem) {
			log.Fatalf("no certificates in %s", clientCAFile)
		}
	}
	return []grpc.ServerOption{grpc.Creds(credentials.NewTLS(config))}
}

func newCache(kind string) (cache.Cache, func(*tlsv3.Secret) error) {
	switch kind {
	case "linear":
		secrets := cache.NewLinearCache(resource.SecretType)
		return secrets, func(secret *tlsv3.Secret) error { return secrets.UpdateResource(secret.Name, secret) }
	case "snapshot":
		return newSnapshotCache()
	default:
		log.Fatalf("no such cache: %s", kind)
		return nil, nil
	}
}

func newSnapshotCache() (cache.Cache, func(*tlsv3.Secret) error) {
	secrets := cache.NewSnapshotCache(true, everyNode{}, nil)
	var lock sync.Mutex
	all := map[string]types.Resource{}
	version := 0
	return secrets, func(secret *tlsv3.Secret) error {
		lock.Lock()
		defer lock.Unlock()
		all[secret.Name] = secret
		version++
		list := make([]types.Resource, 0, len(all))
		for _, one := range all {
			list = append(list, one)
		}
		snapshot, err := cache.NewSnapshot(strconv.Itoa(version), map[resource.Type][]types.Resource{resource.SecretType: list})
		if err != nil {
			return err
		}
		return secrets.SetSnapshot(context.Background(), everyNode{}.ID(nil), snapshot)
	}
}

// everyNode puts all nodes into one group.
type everyNode struct{}

func (everyNode) ID(*corev3.Node) string { return "all" }

func mustListen(address string) net.Listener {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		log.Fatal(err)
	}
	return listener
}
