// Binary inside event arguments: found, taken out as attachments for sending, put back after receiving.
'use strict';

const hasOwn = Object.prototype.hasOwnProperty;

function isBinary(value) {
  return value instanceof ArrayBuffer || ArrayBuffer.isView(value) || value instanceof Blob;
}

/** Whether binary lies anywhere in `value`; a `toJSON` is asked for what will really be sent. */
function hasBinary(value) {
  if (typeof value !== 'object' || value === null) {
    return false;
  }
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) {
      const item = value[i];
      if (typeof item === 'object' && item !== null && hasBinary(item)) {
        return true;
      }
    }
    return false;
  }
  // A plain object, as nearly all are, is not asked whether it is one of the binary classes.
  if (Object.getPrototypeOf(value) !== Object.prototype && isBinary(value)) {
    return true;
  }
  if (typeof value.toJSON === 'function') {
    return hasBinaryInJson(value.toJSON());
  }
  return hasBinaryInKeys(value);
}

// The answer of a toJSON is not asked for its own toJSON: JSON.stringify does not do so either.
function hasBinaryInJson(value) {
  if (typeof value !== 'object' || value === null) {
    return false;
  }
  return Array.isArray(value) || isBinary(value) ? hasBinary(value) : hasBinaryInKeys(value);
}

function hasBinaryInKeys(value) {
  for (const key in value) {
    const item = value[key];
    if (typeof item === 'object' && item !== null && hasOwn.call(value, key) && hasBinary(item)) {
      return true;
    }
  }
  return false;
}

/** A copy of `value` with placeholders; the binary is appended to `attachments` as Buffers over the same memory. */
function takeOut(value, attachments, fromToJson = false) {
  if (typeof value !== 'object' || value === null) {
    return value;
  }
  if (isBinary(value)) {
    attachments.push(asBuffer(value));
    return { _placeholder: true, num: attachments.length - 1 };
  }
  if (Array.isArray(value)) {
    return value.map((item) => takeOut(item, attachments));
  }
  if (!fromToJson && typeof value.toJSON === 'function') {
    return takeOut(value.toJSON(), attachments, true);
  }
  const copy = {};
  for (const key of Object.keys(value)) {
    copy[key] = takeOut(value[key], attachments);
  }
  return copy;
}

function asBuffer(value) {
  if (Buffer.isBuffer(value)) {
    return value;
  }
  if (ArrayBuffer.isView(value)) {
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  }
  if (value instanceof ArrayBuffer) {
    return Buffer.from(value);
  }
  throw new TypeError('a Blob cannot be sent at once; send `await blob.arrayBuffer()` instead');
}

/**
 * `value` with its placeholders replaced by the attachments they name, in place.
 * Throws when a placeholder names none: the peer sent an invalid packet.
 */
function putBack(value, attachments) {
  if (typeof value !== 'object' || value === null) {
    return value;
  }
  if (value._placeholder === true) {
    if (!Number.isInteger(value.num) || value.num < 0 || value.num >= attachments.length) {
      throw new Error('illegal attachments');
    }
    return attachments[value.num];
  }
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) {
      value[i] = putBack(value[i], attachments);
    }
    return value;
  }
  for (const key of Object.keys(value)) {
    const item = value[key];
    if (typeof item === 'object' && item !== null) {
      value[key] = putBack(item, attachments);
    }
  }
  return value;
}

module.exports = { asBuffer, hasBinary, takeOut, putBack };
