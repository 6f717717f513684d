// Calls a method with grpc-js, knowing nothing but its name: all else is asked by reflection.
//
//     node reflect.js ADDRESS VERSION METHOD REQUEST
//
// VERSION is v1 or v1alpha, METHOD as loadgrpc.v1.ControlService.ListRuns, REQUEST is JSON. It
// prints a JSON document with the services of the server and the response.

"use strict";

const grpc = require("@grpc/grpc-js");
const loader = require("@grpc/proto-loader");
const protobuf = require("protobufjs");

const [address, version, method, request] = process.argv.slice(2);
const options = { enums: String, longs: String, defaults: true };
const connect = (Service) => new Service(address, grpc.credentials.createInsecure());

// The part of the reflection protocol that is needed here.
const reflection = `
  syntax = "proto3";
  package grpc.reflection.${version};
  service ServerReflection {
    rpc ServerReflectionInfo(stream ServerReflectionRequest)
        returns (stream ServerReflectionResponse);
  }
  message ServerReflectionRequest {
    oneof message_request { string file_containing_symbol = 4; string list_services = 7; }
  }
  message ServerReflectionResponse {
    message Files { repeated bytes file_descriptor_proto = 1; }
    message Service { string name = 1; }
    message Services { repeated Service service = 1; }
    message Error { int32 error_code = 1; string error_message = 2; }
    oneof message_response {
      Files file_descriptor_response = 4;
      Services list_services_response = 6;
      Error error_response = 7;
    }
  }`;

// Asks one question.
function ask(question) {
  const { root } = protobuf.parse(reflection, { keepCase: true });
  const known = loader.fromJSON(root.toJSON(), { keepCase: true });
  const { ServerReflection } = grpc.loadPackageDefinition(known).grpc.reflection[version];
  return new Promise((resolve, reject) => {
    const stream = connect(ServerReflection).ServerReflectionInfo();
    stream.on("error", reject);
    stream.on("data", (answer) => {
      stream.end();
      const error = answer.error_response;
      if (error) reject(new Error(`${error.error_code}: ${error.error_message}`));
      else resolve(answer);
    });
    stream.write(question);
  });
}

// The files as a serialized FileDescriptorSet: each is its field 1.
function descriptorSet(files) {
  const writer = protobuf.Writer.create();
  for (const file of files) writer.uint32((1 << 3) | 2).bytes(file);
  return Buffer.from(writer.finish());
}

async function main() {
  const listed = await ask({ list_services: "*" });
  const found = await ask({ file_containing_symbol: method });
  const files = found.file_descriptor_response.file_descriptor_proto;
  const known = loader.loadFileDescriptorSetFromBuffer(descriptorSet(files), options);
  const path = method.split(".");
  const name = path.pop();
  const Service = path.reduce((scope, part) => scope[part], grpc.loadPackageDefinition(known));
  const response = await new Promise((resolve, reject) => {
    const answered = (error, value) => (error ? reject(error) : resolve(value));
    connect(Service)[name](JSON.parse(request), answered);
  });
  const services = listed.list_services_response.service.map((service) => service.name);
  console.log(JSON.stringify({ services, response }));
  process.exit(0);
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
