// NestJS: @nestjs/platform-socket.io brings socket.io; an override in package.json puts Sori in its place. The decorators
// are called by hand here, as this is JavaScript; `@WebSocketGateway()` and the others do the same.
import 'reflect-metadata';
import { Controller, Get, Module, Query } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { IoAdapter } from '@nestjs/platform-socket.io';
import { SubscribeMessage, WebSocketGateway, WebSocketServer } from '@nestjs/websockets';

class ChatGateway {
  afterInit(server) {
    this.started = server;
  }

  handleConnection(socket) {
    socket.data.visitor = socket.handshake.headers['x-visitor'];
  }

  handleDisconnect(socket) {
    this.lastToLeave = socket.data.visitor;
  }

  whoami(socket) {
    return socket.data.visitor;
  }

  // An answer with an event name is emitted instead.
  echo(socket, text) {
    return { event: 'echoed', data: text };
  }
}
WebSocketServer()(ChatGateway.prototype, 'server');
for (const [event, method] of [
  ['whoami', 'whoami'],
  ['echo', 'echo'],
]) {
  SubscribeMessage(event)(ChatGateway.prototype, method, Object.getOwnPropertyDescriptor(ChatGateway.prototype, method));
}
WebSocketGateway()(ChatGateway);

class PageController {
  page() {
    return 'page';
  }

  announce(text) {
    PageController.gateway.server.emit('announcement', text);
    return 'announced';
  }
}
Get('/')(PageController.prototype, 'page', Object.getOwnPropertyDescriptor(PageController.prototype, 'page'));
Get('/announce')(PageController.prototype, 'announce', Object.getOwnPropertyDescriptor(PageController.prototype, 'announce'));
Query('text')(PageController.prototype, 'announce', 0);
Controller()(PageController);

class AppModule {}
Module({ controllers: [PageController], providers: [ChatGateway] })(AppModule);

export default async function start() {
  const app = await NestFactory.create(AppModule, { logger: false, forceCloseConnections: true });
  app.useWebSocketAdapter(new IoAdapter(app));
  await app.listen(0, '127.0.0.1');
  const gateway = app.get(ChatGateway);
  PageController.gateway = gateway;
  return { httpServer: app.getHttpServer(), io: gateway.server, gateway, close: () => app.close() };
}
