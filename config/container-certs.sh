#!/bin/sh
# Makes the authority of compose.yaml and a certificate for each node and the client, once, each in a volume of its own: no node sees
# another one's key, or that of the authority.
set -eu
cd /authority
[ -e ca.crt ] || jobraft certs ca --out .
# Its folder, the kind and the name of its owner, and the host at which it is reached.
certify() {
  folder=$1; kind=$2; name=$3; shift 3
  [ -e "$folder/own.crt" ] && return
  jobraft certs "$kind" "$name" --out . "$@"
  cp ca.crt "$folder/ca.crt"
  mv "$kind-$name.key" "$folder/own.key"
  mv "$kind-$name.crt" "$folder/own.crt"
  chown -R 1000:1000 "$folder"
}
for node in $NODES; do certify "/certs-$node" node "$node" --hosts "node$node"; done
certify /certs-client client client
