// A control plane as go-control-plane makes it easiest: its stock server over a LinearCache of Secrets, on an
// address of the system's choice. Secrets are set by `PUT /<name>` with the encoded message.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"

	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	secretservice "github.com/envoyproxy/go-control-plane/envoy/service/secret/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"github.com/envoyproxy/go-control-plane/pkg/server/v3"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

// Longer than what a benchmark sends.
const maxSecretBytes = 16 << 20

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "where proxies connect")
	control := flag.String("control", "127.0.0.1:0", "where secrets are set")
	flag.Parse()

	secrets := cache.NewLinearCache(resource.SecretType)
	xds := server.NewServer(context.Background(), secrets, nil)
	grpcServer := grpc.NewServer()
	discovery.RegisterAggregatedDiscoveryServiceServer(grpcServer, xds)
	secretservice.RegisterSecretDiscoveryServiceServer(grpcServer, xds)

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
		if err := secrets.UpdateResource(secret.Name, secret); err != nil {
			http.Error(response, err.Error(), http.StatusInternalServerError)
		}
	})

	xdsListener := mustListen(*listen)
	controlListener := mustListen(*control)
	fmt.Printf("{\"xds\":%q,\"control\":%q}\n", xdsListener.Addr(), controlListener.Addr())
	go func() { log.Fatal(http.Serve(controlListener, nil)) }()
	log.Fatal(grpcServer.Serve(xdsListener))
}

func mustListen(address string) net.Listener {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		log.Fatal(err)
	}
	return listener
}
