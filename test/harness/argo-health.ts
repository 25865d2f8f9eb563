// @ts-expect-error: it has no types
import fengari from 'fengari';

/** The answer of a health script of Argo CD. */
export interface ArgoHealth {
  readonly status: string;
  readonly message: string;
}

/** Runs a health script as Argo CD does: the object is the global `obj`, and only the standard libraries are there. */
export function argoHealth(script: string, object: object): ArgoHealth {
  const { lua, lauxlib, lualib, to_luastring: bytes } = fengari;
  const state = lauxlib.luaL_newstate();
  lualib.luaL_openlibs(state);
  push(state, object);
  lua.lua_setglobal(state, bytes('obj'));
  const failed = lauxlib.luaL_dostring(state, bytes(script));
  if (failed) throw new Error(`the script failed: ${lua.lua_tojsstring(state, -1)}`);
  const field = (name: string): string => {
    lua.lua_getfield(state, -1, bytes(name));
    const text = lua.lua_tojsstring(state, -1);
    lua.lua_pop(state, 1);
    return text;
  };
  return { status: field('status'), message: field('message') };
}

function push(state: unknown, value: unknown): void {
  const { lua, to_luastring: bytes } = fengari;
  if (typeof value === 'string') lua.lua_pushstring(state, bytes(value));
  else if (typeof value === 'number') lua.lua_pushnumber(state, value);
  else if (typeof value === 'boolean') lua.lua_pushboolean(state, value);
  else if (typeof value !== 'object' || value === null) lua.lua_pushnil(state);
  else pushTable(state, value);
}

/** Lists begin at 1. */
function pushTable(state: unknown, value: object): void {
  const { lua, to_luastring: bytes } = fengari;
  lua.lua_newtable(state);
  for (const [name, member] of Object.entries(value)) {
    if (Array.isArray(value)) lua.lua_pushinteger(state, Number(name) + 1);
    else lua.lua_pushstring(state, bytes(name));
    push(state, member);
    lua.lua_settable(state, -3);
  }
}
