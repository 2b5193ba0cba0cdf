// A second opinion on publishing: Google's own in-memory Pub/Sub (package pstest), on a port of our choice, and what it
// has stored as JSON. Its own constructor takes a random port and gRPC's limit of 4 MB a request.
package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"log"
	"net"
	"net/http"

	"cloud.google.com/go/pubsub/pstest"
	pb "google.golang.org/genproto/googleapis/pubsub/v1"
	"google.golang.org/grpc"
)

type stored struct {
	ID         string            `json:"message_id"`
	Attributes map[string]string `json:"attributes"`
	SHA256     string            `json:"sha256"`
}

func main() {
	address := flag.String("grpc", "127.0.0.1:0", "where Pub/Sub listens")
	looking := flag.String("http", "127.0.0.1:0", "where GET /published answers")
	flag.Parse()

	fake := pstest.NewServer()
	listener, err := net.Listen("tcp", *address)
	if err != nil {
		log.Fatal(err)
	}
	server := grpc.NewServer(grpc.MaxRecvMsgSize(12 << 20))
	pb.RegisterPublisherServer(server, &fake.GServer)
	pb.RegisterSubscriberServer(server, &fake.GServer)

	http.HandleFunc("/published", func(answer http.ResponseWriter, _ *http.Request) {
		out := []stored{}
		for _, message := range fake.Messages() {
			digest := sha256.Sum256(message.Data)
			out = append(out, stored{message.ID, message.Attributes, hex.EncodeToString(digest[:])})
		}
		if err := json.NewEncoder(answer).Encode(out); err != nil {
			log.Print(err)
		}
	})
	go func() { log.Fatal(http.ListenAndServe(*looking, nil)) }()
	log.Fatal(server.Serve(listener))
}
